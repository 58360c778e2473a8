"""`Drawable`: the specifications of which a drawing shows a part, and what it says of each."""

from __future__ import annotations

from bnas.cells.darts import DartsSpec
from bnas.cells.draw.block import block_structure
from bnas.cells.draw.cell import cell_structure
from bnas.cells.draw.errors import DrawError
from bnas.cells.draw.structure import CellStructure
from bnas.cells.resnet import ResNetSpec
from bnas.cells.spec import NetworkSpec

#: What stacks cells or blocks of two kinds: one keeps the size, one halves it.
Drawable = NetworkSpec | DartsSpec | ResNetSpec

_SKIPS = {
    "none": "no skips",
    "previous": "skips from c(k−1)",
    "both": "skips from c(k−1) and c(k−2)",
}
_DOWNSAMPLING = {"binary": "cells all binary", "real": "convolutions that downsample are real"}
_TEMPLATES = {"cifar": "CIFAR", "imagenet": "ImageNet"}
# Block -> its layers in order.
_LAYERS = {
    "sign_conv_bn": "sign, binary conv, batch norm",
    "bn_sign_conv": "batch norm, sign, binary conv",
    "conv_bn_relu": "real conv, batch norm, ReLU",
}
_ACTIVATIONS = {"none": "", "relu": ", ReLU", "rprelu": ", RPReLU"}


def drawable(value: object) -> Drawable:
    """Return what can be drawn, or refuse it.

    Args:
        value: Any specification.

    Raises:
        DrawError: It has neither cells nor blocks.
    """
    if isinstance(value, Drawable):
        return value
    raise DrawError(
        "a drawing shows the cells of a Genotype, a NetworkSpec or a DartsSpec, or the blocks of a "
        f"ResNetSpec; a network of another kind has no such picture (got {type(value).__name__})",
        value,
    )


def structure_of(spec: Drawable, *, reduction: bool, pruned: bool) -> CellStructure:
    """Return what a drawing shows of a network.

    Args:
        spec: The network.
        reduction: The cell or block that halves the size instead of the one that keeps it.
        pruned: Only what `bnas.cells.prune` leaves.
    """
    if isinstance(spec, ResNetSpec):
        return block_structure(spec, reduction=reduction)  # no Zeroise: nothing is needless
    return cell_structure(spec, reduction=reduction, pruned=pruned)


def kind_of(spec: Drawable, *, reduction: bool) -> str:
    """Return what the cell or block is called.

    Args:
        spec: The network.
        reduction: As in `structure_of`.
    """
    if isinstance(spec, ResNetSpec):
        return "down-sampling block" if reduction else "block"
    return "reduction cell" if reduction else "normal cell"


def facts(spec: Drawable) -> str:
    """Return one line about the network that its picture does not show.

    Args:
        spec: The network.
    """
    said = _block_facts(spec) if isinstance(spec, ResNetSpec) else _cell_facts(spec)
    template = f"{_TEMPLATES[spec.template]} template"
    return " · ".join([template, *said, f"{spec.num_classes} classes"])


def _cell_facts(spec: NetworkSpec | DartsSpec) -> list[str]:
    reductions = sorted(index for index in spec.reductions if index < spec.num_cells)
    plural = len(reductions) > 1
    which = " and ".join(map(str, reductions))
    return [
        f"{spec.num_cells} cell{'s' * (spec.num_cells > 1)}",
        f"{spec.channels} channels",
        f"cell{'s' * plural} {which} reduce{'s' * (not plural)}",
        *(
            [_SKIPS[spec.skip]]
            if isinstance(spec, NetworkSpec)
            else ["no inter-cell skips", _DOWNSAMPLING[spec.downsampling]]
        ),
    ]


def _block_facts(spec: ResNetSpec) -> list[str]:
    stages = ", ".join(map(str, spec.blocks))
    activation = "" if spec.block == "conv_bn_relu" else _ACTIVATIONS[spec.activation]
    return [
        f"stages of {stages} block{'s' * (spec.blocks != (1,))}",
        f"{spec.width} channels in the first",
        f"a layer is {_LAYERS[spec.block]}{activation}",
    ]
