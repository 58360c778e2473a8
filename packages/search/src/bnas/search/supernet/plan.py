"""What stands where in a supernet: the cells with their shapes, and which convolutions are real."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

from bnas.cells import Primitive
from bnas.cells.nodes import BinaryConv
from bnas.search.supernet.space import NUM_CELL_INPUTS, SearchSpace

#: What is added to a cell's output: nothing, its second input, or that halved by a convolution.
CellSkip = Literal["none", "identity", "real"]


@frozen
class CellPlan:
    """A cell of the stack.

    Attributes:
        index: From 0.
        reduction: Whether the edges from its two inputs have stride 2.
        in_channels: Channels of c(k-2) and c(k-1).
        channels: Channels of each node.
        halves_before: Whether c(k-2) has twice the height and width of c(k-1).
        skip: What is added to the output.
    """

    index: int
    reduction: bool
    in_channels: tuple[int, int]
    channels: int
    halves_before: bool
    skip: CellSkip

    @property
    def kind(self) -> str:
        """Whose architecture parameters it takes: ``"normal"`` or ``"reduce"``."""
        return "reduce" if self.reduction else "normal"

    def stride(self, state: int) -> int:
        """Return the stride of the edges from a state."""
        return 2 if self.reduction and state < NUM_CELL_INPUTS else 1


def cell_plans(space: SearchSpace) -> tuple[CellPlan, ...]:
    """Return the cells of a space, first to last.

    Args:
        space: The space.

    References:
        ECCV 2020 BNAS, Section 4.2; cell 0 has no skip, as in the published weights.
    """
    imagenet = space.template == "imagenet"
    inputs = (space.channels,) * 2 if imagenet else (3 * space.channels,) * 2
    halves, channels = imagenet, space.channels
    plans = []
    for index in range(space.cells):
        reduction = index in space.reductions
        channels *= 2 if reduction else 1
        skip: CellSkip = "none"
        if index and space.skip == "previous":
            skip = "real" if reduction else "identity"
        plans.append(CellPlan(index, reduction, inputs, channels, halves, skip))
        inputs = (inputs[1], space.nodes * channels)
        halves = reduction
    return tuple(plans)


def real_convs(space: SearchSpace) -> frozenset[tuple[int, int, str]]:
    """Return which primitives of which edges keep real weights: (cell, edge, name).

    None, but with `official_quirks`: the authors' binariser counts the stem and the primitives, and
    then passes that many of *all* convolutions, so that as many of the last ones as there are
    pre-processing and skip convolutions before them stay real.

    Args:
        space: The space.
    """
    if not space.official_quirks:
        return frozenset()
    plans = cell_plans(space)
    passed_over = sum(2 + (plan.skip == "real") for plan in plans)
    names = [layer.name for layer in space.layers if layer.kind == "binary_conv"]
    convs = [
        (plan.index, edge, name)
        for plan in plans
        for edge in range(space.num_edges)
        for name in names
    ]
    return frozenset(convs[-passed_over:])


def conv_node(layer: Primitive, channels: int, copies: int, stride: int) -> BinaryConv:
    """Return the geometry of `copies` equal primitives with one input.

    Args:
        layer: A binary convolution.
        channels: Of the input and of each output.
        copies: How many outputs there are, one after the other along the channels.
        stride: In pixels.
    """
    return BinaryConv(
        name=layer.name,
        in_channels=channels,
        out_channels=channels * copies,
        kernel=layer.kernel,
        stride=stride,
        padding=layer.padding,
        dilation=layer.dilation,
    )
