"""Kernels as bare machine code: taken out of Numba's disk cache and linked by LLVM alone.

Beside the code Numba's cache holds what a later compilation may want of a kernel: its bitcode, its
types, what it refers to. To load a network's kernels with all that takes 22 MB and 0.1 s; the code
alone, 7 MB (pages of LLVM's library, nearly all) and 0.02 s. It is enough for kernels that are
called by their address.
"""

from __future__ import annotations

import functools
import itertools
import pickletools
from pathlib import Path
from typing import Any

import attrs

from bnas.binops.disk_cache import is_known_numba, name_runtime
from bnas.binops.threads import fork_safe_lock

#: Steps of a pickle that say nothing of its content.
_FRAMING = ("PROTO", "FRAME")


@attrs.frozen
class MachineCode:
    """A compiled kernel.

    Args:
        symbol: Name of its function, which has Numba's calling convention.
        code: An object file.
    """

    symbol: str
    code: bytes


def read_cached(path: Path) -> MachineCode:
    """Read the code of a kernel from a data file of Numba's cache.

    The file is a pickle, of which the words are read and nothing is made: first ``name, "object",
    code``, further on the fields of the function's description, ``mangled_name`` among them.

    Raises:
        OSError: It cannot be read.
        ValueError: It is damaged, or holds no object file.
    """
    with path.open("rb") as file:
        steps = pickletools.genops(file)
        words = (word for step, word, _ in steps if step.name not in _FRAMING and word is not None)
        _, kind, code = itertools.islice(words, 3)
        if kind != "object":
            raise ValueError(f"{path.name} must hold an object file (got {kind})")
        symbol = next((next(words, None) for word in words if word == "mangled_name"), None)
    if not isinstance(symbol, str) or symbol.encode() not in code:
        raise ValueError(f"{path.name} must name a function of its code (got {symbol!r})")
    return MachineCode(symbol, code)


def cached_code(kernel: Any, signature: tuple[Any, ...]) -> MachineCode | None:
    """Return the code of a kernel as Numba has cached it; None if it has not, or it is damaged.

    Args:
        kernel: From `bnas.binops.jit.kernel`.
        signature: Numba types of its arguments.
    """
    if not is_known_numba():
        return None
    # Whatever goes wrong, Numba comes next, and warns of what it meets.
    try:
        path = kernel._cache.data_path(signature, kernel.targetctx)
        found = read_cached(path) if path else None
        return found if found and _is_of(found.symbol, kernel, signature) else None
    except Exception:
        return None


def _is_of(symbol: str, kernel: Any, signature: tuple[Any, ...]) -> bool:
    """Whether a function is what the cache's index says: see `ForgivingCache.load_overload`."""
    from numba.core.itanium_mangler import mangle_args, mangle_identifier

    function = kernel.py_func
    name = mangle_identifier(f"{function.__module__}.{function.__qualname__}")
    # An identifier ends in E, in whose place come a number and flags.
    return symbol.startswith(f"_Z{name[:-1]}") and symbol.endswith(f"E{mangle_args(signature)}")


@functools.cache
def _linker() -> Any:
    """An execution engine of LLVM for this process."""
    import llvmlite.binding as llvm

    name_runtime()
    machine = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(jit=True)
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)


def _link(found: MachineCode) -> int:
    import llvmlite.binding as llvm

    engine = _linker()
    engine.add_object_file(llvm.ObjectFileRef.from_data(found.code))
    engine.finalize_object()
    return int(engine.get_function_address(found.symbol))


_LOCK = fork_safe_lock()
_addresses: dict[tuple[Any, tuple[Any, ...]], int] = {}


def address_of(kernel: Any, signature: tuple[Any, ...]) -> int:
    """Load a kernel, or compile it, and return the address of its function.

    The function is ``int32 (result*, error**, arguments...)``, 0 for success, with the items of a
    tuple one by one. It may take numbers and tuples of them only, and never raises.

    Args:
        kernel: From `bnas.binops.jit.kernel`.
        signature: Numba types of its arguments.
    """
    key = (kernel, signature)
    with _LOCK:
        if key not in _addresses:
            found = cached_code(kernel, signature)
            _addresses[key] = _compiled(kernel, signature) if found is None else _link(found)
        return _addresses[key]


def _compiled(kernel: Any, signature: tuple[Any, ...]) -> int:
    kernel.compile(signature)
    compiled = kernel.overloads[signature]
    return int(compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name))
