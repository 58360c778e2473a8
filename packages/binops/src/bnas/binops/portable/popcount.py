"""The one instruction that Numba does not offer: LLVM's population count."""

from __future__ import annotations

from typing import Any

import numba
from numba import types
from numba.extending import intrinsic


@intrinsic
def _ctpop(typing_context: Any, word: Any) -> Any:
    """Count the one bits of an unsigned integer, in an integer of the same width.

    The width matters: a byte's count stays a byte, so that LLVM vectorises 32 of them (64 with
    AVX-512) where a count in 64 bits would take four or eight registers.
    """
    if not isinstance(word, types.Integer) or word.signed:
        return None

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return word(word), generate


def _ctpop_in_python(word: Any) -> Any:
    """The same for a NumPy scalar, for runs with NUMBA_DISABLE_JIT=1."""
    return type(word)(int(word).bit_count())


popcount: Any = _ctpop_in_python if numba.config.DISABLE_JIT else _ctpop
