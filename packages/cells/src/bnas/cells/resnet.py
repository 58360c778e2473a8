"""`ResNetSpec`: residual networks of basic blocks, binary (Bi-Real, XNOR) and real."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from attrs import Factory, field, frozen

from bnas.cells.errors import SpecError
from bnas.cells.fields import MAX_BLOCKS, MAX_CHANNELS, MAX_CLASSES, between, choice, is_between
from bnas.cells.graph import Graph
from bnas.cells.json_form import read_fields, write_fields
from bnas.cells.templates import DEFAULT_INPUT_SIZES, TemplateName

Block = Literal["sign_conv_bn", "bn_sign_conv", "conv_bn_relu"]
BlockActivation = Literal["none", "relu", "rprelu"]

#: What the `kind` of the JSON form says.
KIND = "resnet"
#: Block -> what its activation can be, the published one first.
ACTIVATIONS: dict[str, tuple[BlockActivation, ...]] = {
    "sign_conv_bn": ("none", "rprelu"),
    "bn_sign_conv": ("relu", "none", "rprelu"),
    "conv_bn_relu": ("relu",),
}
_MAX_STAGES = 8


def _blocks(_: object, __: object, value: object) -> None:
    fits = (
        isinstance(value, tuple)
        and 1 <= len(value) <= _MAX_STAGES
        and all(is_between(count, 1, MAX_BLOCKS) for count in value)
        and sum(value) <= MAX_BLOCKS
    )
    if not fits:
        raise SpecError(
            f"`blocks` must be 1 to {_MAX_STAGES} integers >= 1, {MAX_BLOCKS} together at most "
            f"(got {value!r})",
            field="blocks",
            value=value,
        )


def _as_tuple(value: Any) -> Any:
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    return tuple(value) if is_list else value


def _published_activation(spec: ResNetSpec) -> BlockActivation:
    known = isinstance(spec.block, str) and spec.block in ACTIVATIONS
    return ACTIVATIONS[spec.block][0] if known else "none"


@frozen(kw_only=True)
class ResNetSpec:
    """A residual network of basic blocks: two 3x3 convolutions each.

    Stage i has ``width * 2**i`` channels; every stage but the first begins by halving the size.
    Stem and classifier are real. Three blocks, named by their true order of execution:

    * ``"sign_conv_bn"``: sign, binary convolution, batch norm; a shortcut around **every**
      convolution. Where the size is halved, it is a 2x2 average, a real 1x1 convolution and batch
      norm. ``activation="rprelu"`` follows each sum, as in ReActNet. The stem has no ReLU.
    * ``"bn_sign_conv"``: batch norm, sign, binary convolution, ReLU; a shortcut around both. Where
      the size is halved, it is a real 1x1 convolution of stride 2 and batch norm.
    * ``"conv_bn_relu"``: real convolution, batch norm, ReLU, the second ReLU after the sum;
      shortcuts as before. The parameters have torchvision's names, and take its weights.

    Attributes:
        block: Order of the layers.
        blocks: Blocks of each stage.
        width: Channels of the first stage.
        num_classes: Number of logits.
        template: Stem: ``"imagenet"``, real 7x7 of stride 2 and 3x3 max pooling of stride 2; or
            ``"cifar"``, real 3x3 of stride 1 and no pooling, which networks for 32x32 pixels have.
        activation: ``"none"``, ``"relu"`` or ``"rprelu"``, as far as the block can have it;
            default: the published one.

    Raises:
        SpecError: A field is outside its range.

    References:
        Bi-Real-18 and -34: Liu et al., "Bi-Real Net", ECCV 2018, Section 3 and Figure 3; stem and
        shortcuts as in its authors' code. XNOR-Net: Rastegari et al., ECCV 2016, Figure 3 (order of
        the layers), Section 3.2 (first and last layer stay real; a ReLU after the convolution).
        ResNet: He et al., CVPR 2016, Table 1, with shortcuts of its type B.
    Deviates:
        XNOR-Net's scales of activations (K) are left out, as in every network here; its paper says
        nothing of the layers of a ResNet's shortcut: they are real, the type B of He et al.
    """

    block: Block = field(default="sign_conv_bn", validator=choice(Block))
    blocks: tuple[int, ...] = field(default=(2, 2, 2, 2), converter=_as_tuple, validator=_blocks)
    width: int = field(default=64, validator=between(1, MAX_CHANNELS))
    num_classes: int = field(default=1000, validator=between(1, MAX_CLASSES))
    template: TemplateName = field(default="imagenet", validator=choice(TemplateName))
    activation: BlockActivation = field(
        default=Factory(_published_activation, takes_self=True),
        validator=choice(BlockActivation),
    )

    def __attrs_post_init__(self) -> None:
        """Validate what concerns several fields."""
        if self.activation not in ACTIVATIONS[self.block]:
            raise SpecError(
                f"`activation` must be one of {ACTIVATIONS[self.block]} in blocks of "
                f"{self.block!r} (got {self.activation!r})",
                field="activation",
                value=self.activation,
            )

    @property
    def input_size(self) -> int:
        """Side of the images, in pixels, that the stem is made for."""
        return DEFAULT_INPUT_SIZES[self.template]

    @property
    def num_cells(self) -> int:
        """Number of blocks of all stages."""
        return sum(self.blocks)

    def lower(self) -> Graph:
        """Return the network as a graph."""
        from bnas.cells.lower_resnet import lower_resnet

        return lower_resnet(self)

    def to_json(self) -> str:
        """Return the specification as one JSON object."""
        return write_fields(self, KIND)

    @classmethod
    def from_json(cls, text: str) -> ResNetSpec:
        """Parse what `to_json` wrote.

        Raises:
            SpecError: Not JSON, unknown keys, or a value outside its range.
        """
        return read_fields(cls, text, KIND)
