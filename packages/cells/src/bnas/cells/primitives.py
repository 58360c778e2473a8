"""The layer types a cell can hold: the seven of the BNAS search space.

References:
    Kim, Singh, Choi, "Learning Architectures for Binary Networks", ECCV 2020, Section 4.1.
"""

from __future__ import annotations

from typing import Literal

from attrs import frozen

from bnas.cells.errors import UnknownNameError

PrimitiveKind = Literal["zero", "max_pool", "avg_pool", "binary_conv"]


@frozen
class Primitive:
    """One layer type of the search space.

    Attributes:
        name: The verbatim string used in genotypes.
        kind: What the layer computes; ``"zero"`` is Zeroise.
        kernel: Height and width of the square window in pixels (0 for Zeroise).
        dilation: Distance between two taps in pixels.
    """

    name: str
    kind: PrimitiveKind
    kernel: int = 0
    dilation: int = 1

    @property
    def padding(self) -> int:
        """Pixels of padding on each side that keep the size at stride 1."""
        return self.dilation * (self.kernel - 1) // 2 if self.kernel else 0


_ORDERED = (
    Primitive("none", "zero"),
    Primitive("max_pool_3x3", "max_pool", 3),
    Primitive("avg_pool_3x3", "avg_pool", 3),
    Primitive("bin_dil_conv_3x3", "binary_conv", 3, 2),
    Primitive("bin_dil_conv_5x5", "binary_conv", 5, 2),
    Primitive("bin_conv_3x3", "binary_conv", 3),
    Primitive("bin_conv_5x5", "binary_conv", 5),
)
#: Name -> primitive, in the order of the columns of the architecture parameters.
PRIMITIVES: dict[str, Primitive] = {primitive.name: primitive for primitive in _ORDERED}


def primitive(name: str) -> Primitive:
    """Return the primitive called `name`.

    Raises:
        UnknownNameError: No primitive has this name; the nearest ones are listed.
    """
    try:
        return PRIMITIVES[name]
    except (KeyError, TypeError):
        raise UnknownNameError("primitive", name, PRIMITIVES) from None
