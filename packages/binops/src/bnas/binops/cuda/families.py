"""Which instruction counts bits, by the GPU's compute capability."""

from __future__ import annotations

from typing import Literal

Family = Literal["and", "xor", "popcount"]


def family(capability: tuple[int, int]) -> Family:
    """Return how products of bits are counted.

    Of the 1-bit matrix instructions, AND is the machine's own from sm_80 to sm_90 and XOR on sm_75
    (and sm_80); elsewhere either is emulated, and XOR with population counts is faster.

    Args:
        capability: As (9, 0).
    """
    if capability[0] == 7 and capability[1] >= 5:
        return "xor"
    return "and" if 8 <= capability[0] <= 9 else "popcount"
