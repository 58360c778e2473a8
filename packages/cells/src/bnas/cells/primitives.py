"""The layer types a cell can hold, and the search spaces that choose among them.

A primitive is universal; a search space is a set of names: the seven of BNAS (`PRIMITIVES`), those
of DARTS (`DARTS_PRIMITIVES`) and those of BATS (`BATS_PRIMITIVES`) share members.

References:
    Kim, Singh, Choi, "Learning Architectures for Binary Networks", ECCV 2020, Section 4.1; Liu,
    Simonyan, Yang, "DARTS", ICLR 2019, Section 3.1.1; Bulat, Martinez, Tzimiropoulos, "BATS: Binary
    ArchitecTure Search", ECCV 2020, Section 4.1.
"""

from __future__ import annotations

from typing import Literal

from attrs import frozen

from bnas.cells.errors import UnknownNameError

PrimitiveKind = Literal[
    "zero", "identity", "max_pool", "avg_pool", "binary_conv", "separable_conv", "grouped_conv"
]


@frozen
class Primitive:
    """One layer type of a search space.

    Attributes:
        name: The verbatim string used in genotypes.
        kind: What the layer computes; ``"zero"`` is Zeroise, ``"identity"`` the input itself where
            the stride is 1, and a binary 1x1 block where it is 2. A ``"separable_conv"`` is a
            depthwise and a pointwise binary block, a ``"grouped_conv"`` one block whose filters
            read one group of the channels each.
        kernel: Height and width of the square window in pixels (0 for Zeroise and the identity).
        dilation: Distance between two taps in pixels.
        repeats: How often a separable convolution comes in a row; the first one has the stride.
        groups: Groups of channels of a grouped convolution; channels must be a multiple of it.
    """

    name: str
    kind: PrimitiveKind
    kernel: int = 0
    dilation: int = 1
    repeats: int = 1
    groups: int = 1

    @property
    def padding(self) -> int:
        """Pixels of padding on each side that keep the size at stride 1."""
        return self.dilation * (self.kernel - 1) // 2 if self.kernel else 0


_ZEROISE = Primitive("none", "zero")
_MAX_POOL = Primitive("max_pool_3x3", "max_pool", 3)
_AVG_POOL = Primitive("avg_pool_3x3", "avg_pool", 3)
_IDENTITY = Primitive("skip_connect", "identity")
#: Groups of every grouped convolution of BATS's space.
_BATS_GROUPS = 12


def _by_name(*members: Primitive) -> dict[str, Primitive]:
    return {member.name: member for member in members}


#: BNAS: name -> primitive, in the order of the columns of the architecture parameters.
PRIMITIVES: dict[str, Primitive] = _by_name(
    _ZEROISE,
    _MAX_POOL,
    _AVG_POOL,
    Primitive("bin_dil_conv_3x3", "binary_conv", 3, 2),
    Primitive("bin_dil_conv_5x5", "binary_conv", 5, 2),
    Primitive("bin_conv_3x3", "binary_conv", 3),
    Primitive("bin_conv_5x5", "binary_conv", 5),
)
#: DARTS: name -> primitive, in the order of its authors' code.
DARTS_PRIMITIVES: dict[str, Primitive] = _by_name(
    _ZEROISE,
    _MAX_POOL,
    _AVG_POOL,
    _IDENTITY,
    Primitive("sep_conv_3x3", "separable_conv", 3, repeats=2),
    Primitive("sep_conv_5x5", "separable_conv", 5, repeats=2),
    Primitive("dil_conv_3x3", "separable_conv", 3, 2),
    Primitive("dil_conv_5x5", "separable_conv", 5, 2),
)
#: BATS: name -> primitive, in the order of its paper.
BATS_PRIMITIVES: dict[str, Primitive] = _by_name(
    _ZEROISE,
    _IDENTITY,
    _MAX_POOL,
    _AVG_POOL,
    Primitive("group_conv_3x3", "grouped_conv", 3, groups=_BATS_GROUPS),
    Primitive("group_conv_5x5", "grouped_conv", 5, groups=_BATS_GROUPS),
    Primitive("dil_group_conv_3x3", "grouped_conv", 3, 2, groups=_BATS_GROUPS),
    Primitive("dil_group_conv_5x5", "grouped_conv", 5, 2, groups=_BATS_GROUPS),
)
_KNOWN = {**PRIMITIVES, **DARTS_PRIMITIVES, **BATS_PRIMITIVES}


def primitive(name: str) -> Primitive:
    """Return the primitive called `name`, of any of the search spaces.

    Raises:
        UnknownNameError: No primitive has this name; the nearest ones are listed.
    """
    try:
        return _KNOWN[name]
    except (KeyError, TypeError):
        raise UnknownNameError("primitive", name, _KNOWN) from None
