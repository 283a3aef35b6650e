"""The part of peers.py that works on the GPU: checks and times rows, and prints an event a line ("@" and JSON).

A fault of a kernel ends this process, and a hang is ended from outside: peers.py then starts another without that
configuration. So every event says what is being done before it is done.
"""

import gc
import json
import os
import sys
import time
import traceback

import torch

import large
import timing
from subjects import KINDS

import lac_fp64 as fp64
import lac_torch

#: Relative L2 from which a result counts as wrong: rounding to bf16 alone gives 1.7e-3.
WRONG = 5e-3


def tell(event, **fields):
    print("@" + json.dumps({"event": event, **fields}), flush=True)


def reason(error):
    """The first line that says something, for a table."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else ''}"[:160]


class Candidate:
    """Something that is launched on each set: ours or a peer."""

    def __init__(self, launchers):
        self.launchers = launchers

    def __call__(self, index):
        return self.launchers[index]()


def ours(subject, entry, folder, sets):
    """Our kernel or plan in one configuration, and what the compiler's result looks like."""
    kernel = lac_torch.load(os.path.join(folder, entry["manifest"]))
    name = kernel.manifest["kernel"]
    found = kernel.attributes(**subject.arguments(name, sets[0]))
    attributes = list(found.values()) if isinstance(kernel, lac_torch.PlanKernel) else [found]
    names = ("registers", "local_bytes", "dynamic_shared_bytes", "compile_ms")
    facts = {name: max(a[name] for a in attributes) for name in names}
    facts["compile_ms"] = round(sum(a["compile_ms"] for a in attributes), 1)

    def launcher(tensors):
        arguments = subject.arguments(name, tensors)

        def launch():
            kernel(**arguments)
            return {name: tensors[name] for name in subject.outputs}

        return launch

    return Candidate([launcher(tensors) for tensors in sets]), facts


def run_row(name, row, entries, folder, avoid, with_peers, ceilings, samples):
    subject = KINDS[row["kind"]](row["shape"])
    tell("row", row=name, floor_ms=subject.floor_ms(ceilings))
    sets = subject.make_sets()
    want = subject.reference(sets[0])
    candidates = {}

    def admit(key, make):
        """Checks a candidate on poisoned outputs; what is right will be timed."""
        tell("begin", row=name, key=key)
        try:
            subject.prepare(sets[0])
            candidate, facts = make()
            before = torch.cuda.memory_allocated()
            torch.cuda.reset_peak_memory_stats()
            got = candidate(0)
            torch.cuda.synchronize()
            extra = torch.cuda.max_memory_allocated() - before
            errors, worst_head = subject.errors(got, want)
            error = max(errors.values())
            told = {"errors": errors, "worst_head": worst_head, "extra_mb": round(extra / 2**20, 1)}
            tell("checked", row=name, key=key, error=error, **told, **facts)
            if all(e < WRONG for e in errors.values()) and (worst_head is None or worst_head < 4 * WRONG):
                candidates[key] = candidate
            else:
                tell("failed", row=name, key=key, why=f"WRONG: relative L2 {error:.2e}, worst head {worst_head}")
        except Exception as failure:
            traceback.print_exc(file=sys.stdout)
            tell("failed", row=name, key=key, why=reason(failure))
            if isinstance(failure, lac_torch.CudaError) and failure.code == "LAC0705":
                raise
            torch.cuda.synchronize()

    for index, entry in enumerate(entries):
        key = f"ours:{index}"
        if "error" in entry:
            tell("failed", row=name, key=key, why=entry["error"])
        elif key not in avoid:
            admit(key, lambda entry=entry: ours(subject, entry, folder, sets))
    for peer, make in subject.peers().items() if with_peers else ():
        if f"peer:{peer}" not in avoid:
            admit(f"peer:{peer}", lambda make=make: (Candidate([make(s) for s in sets]), {}))
    del want
    times_of = timing.measure(candidates, len(sets), samples, before=lambda key: tell("begin", row=name, key=key))
    for key, times in times_of.items():
        wall = {"wall_ms": timing.wall_ms(candidates[key])} if subject.wall else {}
        tell("timed", row=name, key=key, **times, **wall)


def profile(index, name, number, folder):
    """Three launches of one configuration and nothing else, for ncu."""
    subject = KINDS[index["rows"][name]["kind"]](index["rows"][name]["shape"])
    entry = [e for e in index["entries"] if e["row"] == name][number]
    sets = [subject.make()]
    subject.prepare(sets[0])
    candidate, facts = ours(subject, entry, folder, sets)
    print(entry["config"], facts)
    for _ in range(3):
        candidate(0)
    torch.cuda.synchronize()


def main(job):
    folder = job["artifacts"]
    with open(os.path.join(folder, "index.json"), encoding="utf-8") as file:
        index = json.load(file)
    torch.manual_seed(job["seed"])
    torch.set_grad_enabled(False)
    if "profile" in job:
        name, _, number = job["profile"].partition(":")
        return profile(index, name, int(number or 0), folder)
    tell("begin", row="", key="warm-up")
    begin = time.perf_counter()
    timing.warm_up()
    fp64.self_check("cuda")
    ceilings = timing.ceilings()
    tell("ceilings", **ceilings, device=torch.cuda.get_device_name(), torch=torch.__version__, seed=job["seed"])
    for name in job["rows"]:
        entries = [e for e in index["entries"] if e["row"] == name]
        if name == "past-2^31":
            for what, check in large.CHECKS.items():
                if f"large:{what}" in job["avoid"].get(name, []):
                    continue
                tell("begin", row=name, key=f"large:{what}")
                tell("large", row=name, key=f"large:{what}", result=large.result(check, index, folder))
        else:
            avoid = job["avoid"].get(name, [])
            run_row(name, index["rows"][name], entries, folder, avoid, name in job["peers"], ceilings, job["samples"])
        gc.collect()
        torch.cuda.empty_cache()
        tell("done", row=name, seconds=round(time.perf_counter() - begin, 1))
        begin = time.perf_counter()


main(json.loads(sys.argv[1]))
