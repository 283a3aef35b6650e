"""Runs kernels that `lac compile --target sm_NN` made, on PyTorch tensors. One file, nothing but PyTorch and the driver.

    lac compile kernels/lightning/forward.ts --target sm_90 --set D=128,E=128 --dtype bf16 -o build

    import torch, lac_torch
    lightning = lac_torch.load("build/lightningFwd.json")
    o = torch.empty_like(v)
    lightning(q=q, k=k, v=v, slope=slope, o=o)          # asynchronous, on torch.cuda.current_stream()

Arguments are the kernel's, by name: tensors on one CUDA device in any strides, numbers for scalars, None for a tensor that
the kernel's options leave untouched; an optional one may be left out then. Outputs are written in place. The first variant of the manifest whose assumptions
(dtypes, sizes, alignment, compute capability) hold is used; it is compiled by the driver when it is first needed and kept,
per device, as long as the kernel object lives. A plan is called like a kernel: it launches its kernels in order, with
temporaries of PyTorch's allocator, once all of them are found to fit. A warm call costs some ten microseconds on the host.
Call a kernel once before capturing it into a CUDA graph: compiling is no stream operation.

Every mistake is a LacError raised before anything is launched, with the code that `lac explain` knows:
    ArgumentError  unknown, missing or null argument; a number where a tensor belongs      LAC0601 0602 0611 0612 0623
    DTypeError     a dtype that the argument, or every variant, does not take                                 LAC0604
    ShapeError     rank, extents that disagree, sizes and grids beyond the limits      LAC0603 0605 0606 0615 0616 0619
    LayoutError    strides or an alignment that every variant excludes; memory that overlaps        LAC0607 0608 0617 0627
    DeviceError    tensors on several devices or none; a GPU too old or too small                        LAC0610 0613
    CudaError      what the driver refused, with its name for it and its compiler's log  LAC0702 0705 0706 0708 0709 0712
    ManifestError  a manifest that this file cannot read: no code, since lac wrote it or somebody changed it
Nothing here is differentiable: wrap calls in a torch.autograd.Function.
"""

import ctypes
import json
import math
import os
import struct
import sys
import threading
import time
from dataclasses import dataclass, replace
from functools import lru_cache

__all__ = ["load", "Kernel", "PlanKernel", "LacError", "ArgumentError", "DTypeError", "ShapeError", "LayoutError"]
__all__ += ["DeviceError", "ManifestError", "CudaError"]


class LacError(Exception):
    """A refusal; `code` is its LAC number, for `lac explain`."""

    def __init__(self, code, message):
        super().__init__(f"[{code}] {message}" if code else message)
        self.code = code
        self.message = message


class ArgumentError(LacError, TypeError):
    pass


class DTypeError(LacError, TypeError):
    pass


class ShapeError(LacError, ValueError):
    pass


class LayoutError(LacError, ValueError):
    pass


class DeviceError(LacError, RuntimeError):
    pass


class ManifestError(LacError, ValueError):
    pass


class CudaError(LacError, RuntimeError):
    pass


# ---- expressions (compiler/expr.ts): a number, a name, or [operator, operand...], in IEEE double arithmetic


def _signed(result, of):
    """The integer `result` as a float; a zero has the sign of `of`, as floor, ceil and trunc of IEEE have."""
    return float(result) if result != 0 else math.copysign(0.0, of)


def _rounder(f):
    return lambda a: _signed(f(a), a) if math.isfinite(a) else a


_floor, _ceil, _trunc = _rounder(math.floor), _rounder(math.ceil), _rounder(math.trunc)


def _divide(a, b):
    if b != 0:
        return a / b
    return math.nan if a == 0 or math.isnan(a) else math.copysign(math.inf, a) * math.copysign(1.0, b)


def _remainder(a, b):
    return math.nan if b == 0 or math.isinf(a) or math.isnan(a) or math.isnan(b) else math.fmod(a, b)


def _power(a, b):
    if math.isnan(b) or (abs(a) == 1 and math.isinf(b)):
        return math.nan
    try:
        return math.pow(a, b)
    except OverflowError:
        return -math.inf if a < 0 and b % 2 == 1 else math.inf
    except ValueError:
        if a != 0:
            return math.nan
        return math.copysign(math.inf, a) if b % 2 == 1 else math.inf


def _least(a, b):
    if math.isnan(a) or math.isnan(b):
        return math.nan
    return min(a, b) if a != b else (a if math.copysign(1.0, a) < 0 else b)


def _log2(a):
    if a > 0:
        return math.log2(a)
    return -math.inf if a == 0 else math.nan


_OPERATORS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": _divide,
    "%": _remainder,
    "**": _power,
    "idiv": lambda a, b: _trunc(_divide(a, b)),
    "cdiv": lambda a, b: _ceil(_divide(a, b)),
    "min": _least,
    "max": lambda a, b: -_least(-a, -b),
    "<": lambda a, b: float(a < b),
    "<=": lambda a, b: float(a <= b),
    ">": lambda a, b: float(a > b),
    ">=": lambda a, b: float(a >= b),
    "==": lambda a, b: float(a == b),
    "!=": lambda a, b: float(a != b),
    "&&": lambda a, b: float(a != 0 and b != 0),
    "||": lambda a, b: float(a != 0 or b != 0),
    "!": lambda a: float(a == 0),
    "neg": lambda a: -a,
    "?:": lambda c, a, b: a if c != 0 else b,
    "floor": _floor,
    "ceil": _ceil,
    "sqrt": lambda a: math.sqrt(a) if a >= 0 else math.nan,
    "log2": _log2,
    "abs": abs,
}


def evaluate(expression, names):
    """Value of an expression of a manifest, a float; LAC0619 for a name without a value."""
    if isinstance(expression, str):
        if expression not in names:
            raise ShapeError("LAC0619", f"the grid needs {expression}, which no argument that is given has")
        return float(names[expression])
    if isinstance(expression, (int, float)):
        return float(expression)
    operator, *operands = expression
    if operator not in _OPERATORS:
        raise ManifestError(None, f"expression with the unknown operator {operator!r}")
    return _OPERATORS[operator](*[evaluate(x, names) for x in operands])


# ---- parameter block (paramLayout in compiler/artifact.ts)

#: Significand bits with the hidden one, least exponent, largest value.
_FLOATS = {
    "f32": (24, -126, (2 - 2**-23) * 2.0**127),
    "bf16": (8, -126, (2 - 2**-7) * 2.0**127),
    "f16": (11, -14, 65504.0),
}


def round_float(dtype, x):
    """The value of the dtype nearest to x, ties to even; overflow gives an infinity."""
    if x == 0 or not math.isfinite(x):
        return x
    bits, least, largest = _FLOATS[dtype]
    quantum = math.ldexp(1.0, max(math.frexp(x)[1] - 1, least) - bits + 1)
    rounded = math.copysign(round(abs(x) / quantum) * quantum, x)
    return rounded if abs(rounded) <= largest else math.copysign(math.inf, x)


def param_layout(params):
    """Offsets of the slots in bytes, and the size of the block: strides take 8 bytes, everything else 4."""
    offsets, end = [], 0
    for slot in params:
        size = 8 if "stride" in slot else 4
        offsets.append(-(-end // size) * size)
        end = offsets[-1] + size
    return offsets, -(-end // 8) * 8


def _pack_scalar(dtype, value):
    if dtype in ("i32", "u32", "i1"):
        return struct.pack("<I", int(value) & 0xFFFFFFFF)
    return struct.pack("<f", round_float(dtype, float(value)))


def pack_params(params, signature, dims, grid):
    """The bytes behind the addresses of the tensors, as the program's last parameter."""
    offsets, size = param_layout(params)
    block = bytearray(size)
    for offset, slot in zip(offsets, params):
        if "dim" in slot:
            if slot["dim"] not in dims:
                raise ShapeError("LAC0619", f"needs {slot['dim']}, which no argument that is given has")
            data = struct.pack("<I", dims[slot["dim"]])
        elif "stride" in slot:
            name, axis = slot["stride"]
            tensor = signature.tensors.get(name)
            # An axis of one index or none has no step: copies of nothing want aligned addresses all the same.
            steps = tensor is not None and tensor.shape[axis] > 1
            data = struct.pack("<q", tensor.strides[axis] if steps else 0)
        elif "scalar" in slot:
            data = _pack_scalar(slot["dtype"], signature.scalars[slot["scalar"]])
        elif "grid" in slot:
            data = struct.pack("<I", grid[slot["grid"]])
        else:
            raise ManifestError(None, f"parameter slot {slot} is none of a CUDA variant")
        block[offset : offset + len(data)] = data
    return bytes(block)


# ---- tensors as a launch sees them

_DTYPES = {"float32": "f32", "float16": "f16", "bfloat16": "bf16", "int32": "i32", "uint32": "u32"}
_TORCH_NAMES = {ours: theirs for theirs, ours in _DTYPES.items()}
_MAX_ALIGN = 8
_MAX_INDEX = 2**31
_MAX_ENUMERATED = 2**20


@dataclass(frozen=True)
class _Tensor:
    dtype: str
    shape: tuple
    strides: tuple
    address: int
    item_bytes: int

    @property
    def extent(self):
        """Elements from the first to the last address; 0 when there is no element."""
        if 0 in self.shape:
            return 0
        return 1 + sum((n - 1) * s for n, s in zip(self.shape, self.strides))


def facts_of(shape, strides, offset):
    """What holds of a tensor's addresses (runtime/facts.ts): (last axis contiguous, multiple in elements up to 8)."""
    last = len(shape) - 1
    contiguous = last < 0 or shape[last] <= 1 or strides[last] == 1
    multiples = [offset, shape[last] if last >= 0 else 0]
    multiples += [s for axis, s in enumerate(strides) if axis != last and shape[axis] > 1]
    align = _MAX_ALIGN
    while align > 1 and any(n % align for n in multiples):
        align //= 2
    return contiguous, align


def has_distinct_addresses(shape, strides):
    """Whether no two elements share an address; false for interleaved strides of very many elements."""
    if math.prod(shape) <= 1:
        return True
    axes = sorted(((s, n) for n, s in zip(shape, strides) if n > 1))
    reach, nests = 0, True
    for stride, n in axes:
        nests = nests and stride > reach
        reach += (n - 1) * stride
    if nests or axes[0][0] == 0:
        return nests
    if math.prod(shape) > _MAX_ENUMERATED:
        return False
    addresses = [0]
    for stride, n in axes:
        addresses = [a + i * stride for a in addresses for i in range(n)]
    return len(set(addresses)) == len(addresses)


@dataclass(frozen=True)
class _Signature:
    tensors: dict
    scalars: dict
    dims: dict
    dtypes: dict


def _is_tensor(value):
    return hasattr(value, "data_ptr") and hasattr(value, "stride")


def _read_tensor(spec, value):
    name = spec["name"]
    if value is None:
        return None
    if not _is_tensor(value):
        raise ArgumentError("LAC0623", f"{name} takes a tensor, not {type(value).__name__}")
    dtype = _DTYPES.get(str(value.dtype).removeprefix("torch."))
    if dtype is None:
        raise DTypeError("LAC0604", f"{name} has dtype {value.dtype}, which no kernel takes")
    shape, strides = tuple(value.shape), tuple(value.stride())
    if any(s < 0 for s in strides):
        raise LayoutError("LAC0617", f"{name} has negative strides {strides}")
    return _Tensor(dtype, shape, strides, value.data_ptr(), value.element_size())


def _read_scalar(spec, value):
    name, dtype = spec["name"], spec["dtype"]
    if not isinstance(value, (int, float)):
        raise ArgumentError("LAC0612", f"{name} takes a number ({dtype}), not {type(value).__name__}")
    if dtype in ("i32", "u32"):
        least, most = (-(2**31), 2**31 - 1) if dtype == "i32" else (0, 2**32 - 1)
        if not math.isfinite(value) or value != int(value) or not least <= value <= most:
            raise ArgumentError("LAC0612", f"{name} = {value} is no {dtype}")
    return value


def read_arguments(manifest, arguments):
    """Names, dtypes, ranks and dimensions, against the kernel's declaration."""
    specs = {a["name"]: a for a in manifest["args"]}
    for name in arguments:
        if name not in specs:
            raise ArgumentError("LAC0601", f"no argument is named {name}; they are {', '.join(specs)}")
    for name, spec in specs.items():
        if name not in arguments and not spec.get("optional"):
            raise ArgumentError("LAC0602", f"argument {name} is missing")
    present = [(spec, arguments.get(spec["name"])) for spec in manifest["args"]]
    tensors = {spec["name"]: _read_tensor(spec, value) for spec, value in present if spec["dir"] != "scalar"}
    scalars = {spec["name"]: _read_scalar(spec, value) for spec, value in present if spec["dir"] == "scalar"}
    dims, dtypes = {}, {}
    for name, tensor in tensors.items():
        if tensor is not None:
            _unify_dtype(dtypes, manifest["dtypes"], specs[name], tensor.dtype)
            _unify_dims(dims, specs[name], tensor.shape)
    for dim, extent in dims.items():
        if extent >= _MAX_INDEX:
            raise ShapeError("LAC0615", f"{dim} is {extent}; indices end at 2^31 - 1")
    return _Signature(tensors, scalars, dims, dtypes)


def _unify_dtype(dtypes, parameters, spec, dtype):
    name, parameter = spec["name"], spec["dtype"]
    choices = parameters.get(parameter, [parameter])
    if dtype not in choices:
        raise DTypeError("LAC0604", f"{name} has dtype {dtype}; it takes {' or '.join(choices)}")
    if parameter in parameters and dtypes.setdefault(parameter, dtype) != dtype:
        raise DTypeError("LAC0604", f"{name} has dtype {dtype}, but {parameter} is {dtypes[parameter]} elsewhere")


def _unify_dims(dims, spec, shape):
    name = spec["name"]
    if len(shape) != len(spec["dims"]):
        raise ShapeError("LAC0603", f"{name} has {len(shape)} axes {shape}; it takes {spec['dims']}")
    for axis, (dim, extent) in enumerate(zip(spec["dims"], shape)):
        if dims.setdefault(dim, extent) != extent:
            raise ShapeError("LAC0605", f"{dim} is {dims[dim]} elsewhere, but {extent} in {name} (axis {axis})")

# ---- variants


@dataclass(frozen=True)
class Limits:
    """What a GPU allows: compute capability times ten, shared memory of a block in bytes, threads of a block."""

    sm: int
    shared_bytes: int
    threads: int = 1024


@dataclass(frozen=True)
class Plan:
    """A launch without its addresses."""

    variant: int
    grid: dict
    programs: int
    block: bytes


def _refusal(manifest, variant, signature, limits):
    """Why a variant cannot serve these arguments on this GPU, or None."""
    when = variant["when"]
    if variant["sm"] > limits.sm:
        return DeviceError("LAC0613", f"needs sm_{variant['sm']}, and this GPU is sm_{limits.sm}")
    for what, need, limit in (
        ("bytes of shared memory", variant["sharedBytes"], limits.shared_bytes),
        ("threads in a block", math.prod(variant["block"]), limits.threads),
    ):
        if need > limit:
            return DeviceError("LAC0613", f"needs {need} {what}, and this GPU has {limit}")
    for parameter, dtype in signature.dtypes.items():
        if when["dtypes"].get(parameter, dtype) != dtype:
            return DTypeError("LAC0604", f"{parameter} is {dtype}, compiled for {when['dtypes'][parameter]}")
    for dim, size in when["comptime"].items():
        if signature.dims.get(dim, size) != size:
            return ShapeError("LAC0606", f"{dim} is {signature.dims[dim]}, compiled for {size}")
    for name, tensor in signature.tensors.items():
        if tensor is None:
            if name not in variant["unused"]:
                return ArgumentError("LAC0611", f"{name} is None, but it is used")
            continue
        assumed = when["facts"].get(name, {"contiguous": False, "align": 1})
        offset, rest = divmod(tensor.address, tensor.item_bytes)
        contiguous, align = facts_of(tensor.shape, tensor.strides, offset)
        if rest or (assumed["contiguous"] and not contiguous) or align % assumed["align"]:
            return LayoutError("LAC0617", f"{name} with strides {tensor.strides} is not as assumed: {assumed}")
    return None


def _touched(variant, signature):
    """What a variant never touches gives its sizes and nothing else: it may be None, and lie where it likes."""
    tensors = {name: None if name in variant["unused"] else t for name, t in signature.tensors.items()}
    return replace(signature, tensors=tensors)


def _overlap(manifest, signature):
    try:
        check_aliasing(manifest, signature)
    except LayoutError as error:
        return error
    return None


def choose_variant(manifest, signature, limits):
    """Index of the first variant that holds: a manifest lists the most special one first."""
    refusals = []
    for index, variant in enumerate(manifest["variants"]):
        if variant["target"] != "cuda":
            continue
        touched = _touched(variant, signature)
        refusal = _refusal(manifest, variant, touched, limits) or _overlap(manifest, touched)
        if refusal is None:
            return index
        refusals.append((variant.get("file", index), refusal))
    if not refusals:
        raise ManifestError(None, f"{manifest['kernel']} was not compiled for CUDA: lac compile --target sm_90")
    for _, refusal in refusals:
        if refusal.code in ("LAC0607", "LAC0608"):
            raise refusal
    last = refusals[-1][1]
    lines = [f"{file}: {refusal.message}" for file, refusal in refusals]
    raise type(last)(last.code, f"no variant of {manifest['kernel']} fits\n  " + "\n  ".join(lines))


def check_aliasing(manifest, signature):
    """Every element that is written has its own address, which nothing else has."""
    written = {a["name"] for a in manifest["args"] if a["dir"] not in ("in", "scalar")}
    present = [(name, t) for name, t in signature.tensors.items() if t is not None]
    for index, (name, t) in enumerate(present):
        if name in written and not has_distinct_addresses(t.shape, t.strides):
            raise LayoutError("LAC0607", f"{name} has strides {t.strides}: two elements share an address")
        for other, u in present[index + 1 :]:
            if (name in written or other in written) and _ranges_meet(t, u):
                raise LayoutError("LAC0608", f"the bytes of {name} and {other} overlap, and one of them is written")


def _ranges_meet(t, u):
    t_end, u_end = t.address + t.extent * t.item_bytes, u.address + u.extent * u.item_bytes
    return t.extent > 0 and u.extent > 0 and t.address < u_end and u.address < t_end


def _grid(manifest, names):
    grid = {}
    for axis, extent in manifest["grid"]:
        count = evaluate(extent, names)
        if not count.is_integer() or not 0 <= count < _MAX_INDEX:
            raise ShapeError("LAC0616", f"axis {axis} of the grid has {count} programs")
        grid[axis] = int(count)
    return grid


def bind(manifest, signature, limits):
    """Everything about a launch but its addresses, or the first reason against it."""
    index = choose_variant(manifest, signature, limits)
    variant = manifest["variants"][index]
    dims = {**variant["when"]["comptime"], **signature.dims}
    grid = _grid(manifest, {**dims, **variant["config"]})
    programs = math.prod(grid.values())
    if programs >= _MAX_INDEX:
        raise ShapeError("LAC0616", f"{programs} programs; one launch runs at most 2^31 - 1")
    return Plan(index, grid, programs, pack_params(variant["params"], _touched(variant, signature), dims, grid))


# ---- the driver

_JIT_ERROR_LOG, _JIT_ERROR_LOG_BYTES = 5, 6
_LOG_BYTES = 16384
#: Out of memory; PTX of a newer driver; and the faults of a kernel, after which the context is dead.
_RESULT_CODES = {2: "LAC0706", 222: "LAC0712", **dict.fromkeys((700, 702, *range(714, 720)), "LAC0705")}
_SHARED_OPTIN = 97  # CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN
_DYNAMIC_SHARED = 8  # CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
_FUNCTION_ATTRIBUTES = {"registers": 4, "local_bytes": 3, "shared_bytes": 1, "max_threads": 0}


class _Driver:
    """libcuda, with the primary context of each device: the one that PyTorch works in."""

    def __init__(self):
        name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
        try:
            self._lib = ctypes.CDLL(name)
        except OSError as error:
            raise CudaError("LAC0702", f"no NVIDIA driver: {error}") from error
        pointer, uint = ctypes.c_void_p, ctypes.c_uint
        self._lib.cuLaunchKernel.argtypes = [pointer, *[uint] * 7, pointer, pointer, pointer]
        self._contexts = {}
        self.call("cuInit", 0)

    def call(self, function, *arguments, log=None):
        result = getattr(self._lib, function)(*arguments)
        if result == 0:
            return
        name, text = ctypes.c_char_p(), ctypes.c_char_p()
        self._lib.cuGetErrorName(result, ctypes.byref(name))
        self._lib.cuGetErrorString(result, ctypes.byref(text))
        said = (log.value.decode(errors="replace").strip() if log else "") or (text.value or b"").decode()
        code = _RESULT_CODES.get(result, "LAC0709" if function == "cuModuleLoadDataEx" else "LAC0708")
        raise CudaError(code, f"{function}: {(name.value or b'?').decode()}: {said}")

    def context(self, ordinal):
        if ordinal not in self._contexts:
            device, context = ctypes.c_int(), ctypes.c_void_p()
            self.call("cuDeviceGet", ctypes.byref(device), ordinal)
            self.call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
            self._contexts[ordinal] = context
        return self._contexts[ordinal]

    def limits(self, ordinal):
        def attribute(which):
            value = ctypes.c_int()
            self.call("cuDeviceGetAttribute", ctypes.byref(value), which, ordinal)
            return value.value

        return Limits(attribute(75) * 10 + attribute(76), attribute(_SHARED_OPTIN), attribute(1))

    def inside(self, ordinal):
        return _Inside(self, self.context(ordinal))


class _Inside:
    """Makes a context current in this thread, and restores what was."""

    def __init__(self, driver, context):
        self._driver, self._context = driver, context

    def __enter__(self):
        self._driver.call("cuCtxPushCurrent_v2", self._context)

    def __exit__(self, *_):
        self._driver.call("cuCtxPopCurrent_v2", ctypes.byref(ctypes.c_void_p()))


@lru_cache(maxsize=None)
def _driver():
    return _Driver()


class _Program:
    """A variant on one device, compiled by the driver."""

    def __init__(self, driver, ordinal, text, variant):
        self.threads, self.shared_bytes = variant["block"][0], variant["sharedBytes"]
        self.bindings = [b["arg"] for b in sorted(variant["bindings"], key=lambda b: b["index"])]
        self._driver = driver
        begin = time.perf_counter()
        with driver.inside(ordinal):
            self._module = self._load(text)
            self.function = ctypes.c_void_p()
            entry = variant["entry"].encode()
            driver.call("cuModuleGetFunction", ctypes.byref(self.function), self._module, entry)
            driver.call("cuFuncSetAttribute", self.function, _DYNAMIC_SHARED, self.shared_bytes)
            self.attributes = {name: self._attribute(which) for name, which in _FUNCTION_ATTRIBUTES.items()}
        self.attributes["compile_ms"] = (time.perf_counter() - begin) * 1e3
        self.attributes["dynamic_shared_bytes"] = self.shared_bytes

    def _load(self, text):
        module, log = ctypes.c_void_p(), ctypes.create_string_buffer(_LOG_BYTES)
        options = (ctypes.c_int * 2)(_JIT_ERROR_LOG, _JIT_ERROR_LOG_BYTES)
        values = (ctypes.c_void_p * 2)(ctypes.addressof(log), _LOG_BYTES)
        self._driver.call("cuModuleLoadDataEx", ctypes.byref(module), text, 2, options, values, log=log)
        return module

    def _attribute(self, which):
        value = ctypes.c_int()
        self._driver.call("cuFuncGetAttribute", ctypes.byref(value), which, self.function)
        return value.value

    def launch(self, programs, addresses, block, stream):
        """Entry parameters in order: an address for each binding, then the block."""
        values = (ctypes.c_uint64 * max(1, len(addresses)))(*addresses)
        first = ctypes.addressof(values)
        pointers = [first + 8 * i for i in range(len(addresses))]
        held = ctypes.create_string_buffer(block, len(block)) if block else None
        if held is not None:
            pointers.append(ctypes.addressof(held))
        array = (ctypes.c_void_p * max(1, len(pointers)))(*pointers)
        self._driver.call(
            "cuLaunchKernel", self.function, programs, 1, 1, self.threads, 1, 1, self.shared_bytes, stream, array, None
        )


# ---- kernels

_KEPT_PLANS = 1024


class Kernel:
    """A compiled kernel: call it with its arguments by name. Safe to call from several threads."""

    def __init__(self, manifest, texts):
        self.manifest = manifest
        self._texts = texts
        self._plans = {}
        self._programs = {}
        self._lock = threading.Lock()

    def __call__(self, **arguments):
        program, plan, ordinal = self._prepared(arguments)
        if plan.programs == 0:
            return
        import torch

        stream = torch.cuda.current_stream(ordinal).cuda_stream
        addresses = [0 if (t := arguments.get(name)) is None else t.data_ptr() for name in program.bindings]
        with _driver().inside(ordinal):
            program.launch(plan.programs, addresses, plan.block, stream)

    def attributes(self, **arguments):
        """Compiles what a call with these arguments needs, and tells registers, local_bytes (spills), compile_ms and so on."""
        program, plan, _ = self._prepared(arguments)
        return {**program.attributes, "file": self.manifest["variants"][plan.variant].get("file"), "grid": plan.grid}

    def _prepared(self, arguments):
        ordinal = _ordinal_of(arguments)
        key = (ordinal, *((name, _fingerprint(value)) for name, value in arguments.items()))
        plan = self._plans.get(key) or self._bind(arguments, ordinal, key)
        program = self._programs.get((plan.variant, ordinal)) or self._compile(plan.variant, ordinal)
        return program, plan, ordinal

    def _bind(self, arguments, ordinal, key):
        plan = bind(self.manifest, read_arguments(self.manifest, arguments), _limits(ordinal))
        if len(self._plans) >= _KEPT_PLANS:
            self._plans.clear()
        self._plans[key] = plan
        return plan

    def _compile(self, index, ordinal):
        with self._lock:
            if (index, ordinal) not in self._programs:
                variant, text = self.manifest["variants"][index], self._texts(index)
                self._programs[index, ordinal] = _Program(_driver(), ordinal, text, variant)
            return self._programs[index, ordinal]


class PlanKernel:
    """A compiled plan: call it as a kernel."""

    def __init__(self, manifest, kernels):
        self.manifest = manifest
        self.kernels = kernels

    def __call__(self, **arguments):
        steps = self._steps(arguments)
        for number, kernel, given in steps:
            try:
                kernel._prepared(given)
            except LacError as error:
                name = self.manifest["kernel"]
                raise type(error)(error.code, f"{name}, step {number}: {error.message}") from error
        for _, kernel, given in steps:
            kernel(**given)

    def attributes(self, **arguments):
        """Those of each kernel that a call with these arguments launches, by the number of its step and its name."""
        return {f"{n} {k.manifest['kernel']}": k.attributes(**given) for n, k, given in self._steps(arguments)}

    def _steps(self, arguments):
        """Number, kernel and arguments of each step that these sizes need."""
        manifest = self.manifest
        signature = read_arguments(manifest, arguments)
        check_aliasing(manifest, signature)
        names = {**signature.dims, **manifest["config"], **signature.scalars}
        steps = [
            (number, step)
            for number, step in enumerate(manifest["steps"], 1)
            if step["when"] is None or evaluate(step["when"], names) != 0
        ]
        used = {a["tensor"] for _, step in steps for a in step["args"].values() if a is not None and "tensor" in a}
        device = f"cuda:{_ordinal_of(arguments)}"
        temps = {t["name"]: _temporary(t, signature, names, device) for t in manifest["temps"] if t["name"] in used}
        tensors = {**arguments, **temps}
        return [(number, self.kernels[step["kernel"]], _step_arguments(step, tensors, names)) for number, step in steps]


def _step_arguments(step, tensors, names):
    def value(argument):
        if argument is None:
            return None
        if "number" in argument:
            return _number(evaluate(argument["number"], names))
        tensor = tensors.get(argument["tensor"])
        return tensor if tensor is None else _seen(argument["tensor"], tensor, argument.get("view", ()), names)

    return {name: value(argument) for name, argument in step["args"].items()}


def _seen(name, tensor, view, names):
    """A tensor through the views of a step; none of them copies."""
    if not view:
        return tensor
    shape, strides, offset = window_of(name, list(tensor.shape), list(tensor.stride()), view, names)
    return tensor.as_strided(shape, strides, tensor.storage_offset() + offset)


def window_of(name, shape, strides, view, names):
    """Shape, strides and offset of what is seen through `view`, as runtime/plan-views.ts has it."""
    offset = 0
    for step in view:
        if "permute" in step:
            axes = step["permute"]
            if sorted(axes) != list(range(len(shape))):
                raise ShapeError("LAC0627", f"{name}: {axes} is no order of the axes of {shape}")
            shape, strides = [shape[a] for a in axes], [strides[a] for a in axes]
            continue
        (kind, sizes) = next(iter(step.items()))
        to = [_number(evaluate(e, names)) for e in sizes]
        whole = all(isinstance(n, int) and n >= 0 for n in to)
        if kind == "reshape":
            if not whole or math.prod(to) != math.prod(shape):
                raise ShapeError("LAC0627", f"{name}: {shape} cannot be {to}")
            own = _reshaped_strides(shape, strides, to)
            if own is None:
                raise LayoutError("LAC0627", f"{name}: {shape} with strides {strides} is {to} in no strides")
            shape, strides = to, own
        else:
            begin, end = to
            if not whole or not shape or not begin <= end <= shape[0]:
                raise ShapeError("LAC0627", f"{name}: {shape} has no part from {begin} to {end}")
            shape = [end - begin, *shape[1:]]
            offset += begin * strides[0] if math.prod(shape) > 0 else 0
    return shape, strides, offset


def _reshaped_strides(shape, strides, to):
    """As runtime/strides.ts: None where only a copy has them."""
    if math.prod(to) == 0:
        return [math.prod(max(n, 1) for n in to[axis + 1 :]) for axis in range(len(to))]
    runs = []
    for n, stride in zip(shape, strides):
        if n == 1:
            continue
        if runs and runs[-1][1] == stride * n:
            runs[-1] = (runs[-1][0] * n, stride)
        else:
            runs.append((n, stride))
    found = []
    left, step = runs.pop() if runs else (1, 1)
    for n in reversed(to):
        if left == 1 and n > 1:
            left, step = runs.pop() if runs else (1, 1)
        if left % n != 0:
            return None
        found.append(step)
        step, left = step * n, left // n
    return found[::-1]


def _number(value):
    return int(value) if value.is_integer() else value


def _temporary(spec, signature, names, device):
    import torch

    extents = [evaluate(e, names) for e in spec["shape"]]
    if not all(e.is_integer() and e >= 0 for e in extents):
        raise ShapeError("LAC0620", f"the temporary {spec['name']} would have the shape {extents}")
    shape, dtype = [int(e) for e in extents], signature.dtypes.get(spec["dtype"], spec["dtype"])
    options = {"dtype": getattr(torch, _TORCH_NAMES[dtype]), "device": device}
    if spec["fill"] is None:
        return torch.empty(shape, **options)
    return torch.full(shape, _number(evaluate(spec["fill"], {})), **options)


def _ordinal_of(arguments):
    """The device that all tensors are on."""
    devices = {(v.device.type, v.device.index) for v in arguments.values() if _is_tensor(v)}
    if len(devices) != 1 or next(iter(devices))[0] != "cuda":
        found = ", ".join(sorted(f"{kind}:{index}" for kind, index in devices)) or "none"
        raise DeviceError("LAC0610", f"the tensors have to be on one CUDA device; they are on {found}")
    return next(iter(devices))[1]


@lru_cache(maxsize=None)
def _limits(ordinal):
    return _driver().limits(ordinal)


def _fingerprint(value):
    """What a plan depends on. Addresses are part of it: they decide about alignment, and whether tensors overlap."""
    if _is_tensor(value):
        return value.data_ptr(), value.dtype, tuple(value.shape), value.stride()
    return repr(value)


def load(path):
    """The kernel or plan of a manifest of `lac compile`; programs lie beside it and are read when they are needed."""
    with open(path, encoding="utf-8") as file:
        manifest = json.load(file)
    if manifest.get("lac") != 1:
        raise ManifestError(None, f"{path} is no manifest of version 1")
    folder = os.path.dirname(os.path.abspath(path))
    if "steps" not in manifest:
        return Kernel(manifest, _texts_of(manifest, path, folder))
    kernels = {key: Kernel(k, _texts_of(k, path, folder)) for key, k in manifest["kernels"].items()}
    return PlanKernel(manifest, kernels)


def _texts_of(manifest, path, folder):
    def text(index):
        name = manifest["variants"][index]["file"]
        if os.path.basename(name) != name:
            raise ManifestError(None, f"{path} names the program {name!r}, which does not lie beside it")
        with open(os.path.join(folder, name), "rb") as file:
            return file.read() + b"\0"

    return text
