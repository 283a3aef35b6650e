"""Our kernels beside those a user would pick instead: same tensors, one process, checked in fp64, timed by CUDA events.

    node dist/bench/cuda/compile.js --out artifacts/bench
    python3 bench/cuda/peers.py [--artifacts artifacts/bench] [--rows lightning-128,gemm] [--peers no] [--json FILE]
    python3 bench/cuda/peers.py --profile lightning-128:0        # three launches of its first configuration, for ncu

Rows and configurations are those of configs.json; the row past-2^31 checks tensors of more than 2^31 elements. Peers
are looked for in the folder .peers of the repository: flash-linear-attention as fla, the official kernels as
lightning_attn. The GPU work is done by measure.py in a process of its own: one that a kernel's fault ends, or that says
nothing for --patience seconds, is replaced by another that leaves that configuration out.
"""

import argparse
import json
import os
import queue
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
LARGE = "past-2^31"
MOST_RESTARTS = 8
#: Seconds for one of our configurations, compiled by the driver and run; a peer searches its own configurations meanwhile.
OUR_PATIENCE = 45


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--artifacts", default="artifacts/bench")
    parser.add_argument("--rows", default="", help="names, separated by commas; default: all")
    parser.add_argument("--peers", default="", help="rows with peers, separated by commas, or no; default: all but sweeps and lengths")
    parser.add_argument("--samples", type=int, default=30)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--patience", type=float, default=150, help="seconds for one step of a peer")
    parser.add_argument("--json", help="file for everything that was measured")
    parser.add_argument("--profile", metavar="ROW:NUMBER")
    parser.add_argument("--worker", default=os.path.join(HERE, "measure.py"), help=argparse.SUPPRESS)
    return parser.parse_args()


class Worker:
    """measure.py at work. Its events come in a queue, None at its end; its other output is printed."""

    def __init__(self, script, job):
        paths = [os.path.join(ROOT, "python"), os.path.join(ROOT, ".peers"), os.environ.get("PYTHONPATH", "")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in paths if p), "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, script, json.dumps(job)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        self.process = subprocess.Popen(command, env=environment, text=True, errors="replace", **pipes)
        self.events = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            if line.startswith("@"):
                self.events.put(json.loads(line[1:]))
            else:
                print("  " + line, end="", flush=True)
        self.events.put(None)


class Results:
    """Everything measured, by row and by what was measured: "ours:0", "peer:FLA", "large:..."."""

    def __init__(self, index):
        self.index = index
        self.ceilings = {}
        self.rows = {}

    def take(self, event):
        kind, row, key = event.pop("event"), event.pop("row", None), event.pop("key", None)
        if kind == "ceilings":
            self.ceilings = event
        elif kind == "row":
            self.rows.setdefault(row, {"found": {}}).update(event)
        elif kind in ("checked", "timed", "failed", "large"):
            found = self.rows.setdefault(row, {"found": {}})["found"]
            found.setdefault(key, {}).update(event)
            if kind == "failed":
                found[key].pop("ms", None)
        if kind in ("checked", "failed", "large", "timed"):
            shown = [f"{name} {figure(value)}" for name, value in event.items() if value is not None]
            print(f"{row} {self.name(row, key)}: {', '.join(shown)}", flush=True)

    def name(self, row, key):
        kind, _, rest = key.partition(":")
        if kind != "ours":
            return rest
        entries = [e for e in self.index["entries"] if e["row"] == row]
        return " ".join(f"{knob}={value}" for knob, value in entries[int(rest)]["config"].items()) or "as tuned"


def has_peers(row, wish):
    return row in wish.split(",") if wish else not row.startswith(("sweep-", "lengths-"))


def run_worker(arguments, results, rows, avoid):
    """Runs until the rows are done or the worker ends. Returns the rows that are not done, and what it died of."""
    with_peers = [row for row in rows if has_peers(row, arguments.peers)]
    job = {"artifacts": arguments.artifacts, "rows": rows, "avoid": avoid, "peers": with_peers}
    worker = Worker(arguments.worker, {**job, "samples": arguments.samples, "seed": arguments.seed})
    left, doing = list(rows), ("", "start")
    while True:
        patience = min(arguments.patience, OUR_PATIENCE) if doing[1].startswith("ours:") else arguments.patience
        try:
            event = worker.events.get(timeout=patience)
        except queue.Empty:
            worker.process.kill()
            return left, doing, f"no result after {patience:.0f} s"
        if event is None:
            status = worker.process.wait()
            return left, doing, None if status == 0 else f"its process ended with {status}"
        if event["event"] == "begin":
            doing = (event["row"], event["key"])
        elif event["event"] == "done":
            left.remove(event["row"])
            print(f"{event['row']}: {event['seconds']} s", flush=True)
        else:
            results.take(event)


def run_rows(arguments, results, rows):
    avoid = {}
    for _ in range(MOST_RESTARTS):
        rows, (row, key), death = run_worker(arguments, results, rows, avoid)
        if not rows or death is None:
            return
        print(f"measure.py: {death}, at {row} {key}", flush=True)
        if not row:
            return
        if "why" not in results.rows.get(row, {"found": {}})["found"].get(key, {}):
            results.take({"event": "failed", "row": row, "key": key, "why": death})
        avoid.setdefault(row, []).append(key)


def table(head, rows):
    cells = [head, ["---"] * len(head), *[[str(c) for c in row] for row in rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    fill = [["-" if c == "---" else " " for c in row] for row in cells]
    line = lambda row, f: "| " + " | ".join(c.ljust(w, x) for c, w, x in zip(row, widths, f)) + " |"  # noqa: E731
    return "\n".join(line(row, f) for row, f in zip(cells, fill))


def figure(x):
    return f"{x:.4g}" if isinstance(x, float) else str(x)


def scientific(x):
    return "" if x is None else f"{x:.2e}"


def error_text(found):
    """Of several outputs the error of each, in their order."""
    errors = found.get("errors") or ({"": found["error"]} if "error" in found else {})
    return " ".join(scientific(e) for e in errors.values())


def configuration_table(results):
    rows = []
    for row, measured in results.rows.items():
        for key, found in measured["found"].items():
            if key.startswith("large:"):
                continue
            ms = found.get("ms")
            rows.append(
                [
                    row,
                    results.name(row, key),
                    found.get("registers", ""),
                    found.get("local_bytes", ""),
                    found.get("dynamic_shared_bytes", ""),
                    found.get("compile_ms", ""),
                    f"{ms:.4f}" if ms else "",
                    f"{found['least']:.4f}" if ms else "",
                    f"{found['spread']:.4f}" if ms else "",
                    f"{ms / measured['floor_ms']:.2f}" if ms else "",
                    error_text(found),
                    found.get("extra_mb", ""),
                    f"{found['wall_ms']:.4f}" if "wall_ms" in found else "",
                    found.get("why", ""),
                ]
            )
    head = ["row", "what", "regs", "spill B", "shared B", "jit ms", "ms", "least", "spread", "x floor", "error"]
    return table([*head, "extra MiB", "wall ms", "failed"], rows)


def best(found, kind):
    timed = [(f["ms"], key) for key, f in found.items() if key.startswith(kind) and "ms" in f]
    return min(timed)[1] if timed else None


def summary_table(results):
    rows = []
    for row, measured in results.rows.items():
        found = measured["found"]
        ours, peer = best(found, "ours:"), best(found, "peer:")
        if "floor_ms" not in measured or (ours is None and peer is None):
            continue
        our_ms, peer_ms = (found[key]["ms"] if key else None for key in (ours, peer))
        rows.append(
            [
                row,
                f"{measured['floor_ms']:.3f}",
                results.name(row, ours) if ours else "none is right",
                f"{our_ms:.3f}" if ours else "",
                f"{our_ms / measured['floor_ms']:.2f}" if ours else "",
                results.name(row, peer) if peer else "",
                f"{peer_ms:.3f}" if peer else "",
                f"{our_ms / peer_ms:.2f}" if ours and peer else "",
                error_text(found[ours]) if ours else "",
                error_text(found[peer]) if peer else "",
            ]
        )
    head = ["row", "floor ms", "best configuration", "ours ms", "x floor", "best peer", "its ms", "ours/peer", "error"]
    return table([*head, "its error"], rows)


def sweep_text(results):
    """How far apart the lengths of a sweep are: of rows sweep-LENGTH and sweep-LENGTH-.. the best counts."""
    least = {}
    for row, measured in results.rows.items():
        key = best(measured["found"], "ours:")
        if row.startswith("sweep-") and key:
            length, ms = row.split("-")[1], measured["found"][key]["ms"]
            least[length] = min(ms, least.get(length, ms))
    if len(least) < 2:
        return ""
    shown = ", ".join(f"{length} {ms:.3f}" for length, ms in least.items())
    return f"sweep, ms: {shown}; slowest / fastest {max(least.values()) / min(least.values()):.3f}"


def main():
    arguments = options()
    if arguments.profile:
        job = {"artifacts": arguments.artifacts, "profile": arguments.profile, "seed": arguments.seed}
        worker = Worker(arguments.worker, job)
        while worker.events.get() is not None:
            pass
        return worker.process.wait()
    with open(os.path.join(arguments.artifacts, "index.json"), encoding="utf-8") as file:
        index = json.load(file)
    names = [*index["rows"], LARGE]
    rows = [name for name in arguments.rows.split(",") if name] or names
    if unknown := [name for name in rows if name not in names]:
        sys.exit(f"no row {', '.join(unknown)}; there are {', '.join(names)}")
    results = Results(index)
    try:
        run_rows(arguments, results, rows)
    finally:
        if arguments.json:
            with open(arguments.json, "w", encoding="utf-8") as file:
                json.dump({"ceilings": results.ceilings, "rows": results.rows, "index": index}, file, indent=1)
    print("\n" + configuration_table(results) + "\n")
    for key, found in results.rows.get(LARGE, {"found": {}})["found"].items():
        print(f"{key}: {found.get('result', found.get('why'))}")
    if ceilings := results.ceilings:
        rates = f"copy {ceilings['bytes_per_s'] / 1e12:.2f} TB/s, bf16 product {ceilings['flops'] / 1e12:.0f} TFLOP/s"
        print(f"{ceilings['device']}, torch {ceilings['torch']}, seed {ceilings['seed']}: {rates}")
    print(summary_table(results))
    print(sweep_text(results))
    right = [best(results.rows.get(name, {"found": {}})["found"], "ours:") for name in rows if name != LARGE]
    return 0 if all(right) else 1


if __name__ == "__main__":
    sys.exit(main())
