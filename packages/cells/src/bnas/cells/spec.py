"""`NetworkSpec`: how the cells of a genotype are stacked into a network."""

from __future__ import annotations

import json
from typing import Any, Literal, get_args, get_origin

import attrs
import cattrs
from attrs import field, frozen
from cattrs.preconf.json import make_converter

from bnas.cells.errors import SpecError
from bnas.cells.genotype import Genotype
from bnas.cells.graph import Graph

TemplateName = Literal["cifar", "imagenet"]
Skip = Literal["none", "previous", "both"]
ReductionSkip = Literal["real", "binary", "pool"]
Activation = Literal["relu", "rprelu"]

#: Side of the square images, in pixels, for which each template was published.
DEFAULT_INPUT_SIZES: dict[str, int] = {"cifar": 32, "imagenet": 224}

# A damaged or hostile specification must not fill the memory with layers; far above any real one.
MAX_CELLS = 1_000
MAX_CHANNELS = 65_536
MAX_CLASSES = 10_000_000


def _choice(literal: Any) -> Any:
    allowed = get_args(literal)

    def check(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if value not in allowed:
            raise SpecError(
                f"`{attribute.name}` must be one of {allowed} (got {value!r})",
                field=attribute.name,
                value=value,
            )

    return check


def _between(minimum: int, maximum: int) -> Any:
    def check(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
        is_integer = isinstance(value, int) and not isinstance(value, bool)
        if not is_integer or not minimum <= value <= maximum:
            raise SpecError(
                f"`{attribute.name}` must be an integer from {minimum} to {maximum} "
                f"(got {value!r})",
                field=attribute.name,
                value=value,
            )

    return check


def _genotype(_: object, __: object, value: object) -> None:
    if not isinstance(value, Genotype):
        raise SpecError(
            f"`genotype` must be a Genotype (got {type(value).__name__})",
            field="genotype",
            value=value,
        )


@frozen(kw_only=True)
class NetworkSpec:
    """A network of stacked cells.

    Attributes:
        genotype: Wiring of the two cell types.
        template: Stem and pre-processing of the ``"cifar"`` or the ``"imagenet"`` network.
        num_cells: Number of stacked cells; cells ``n // 3`` and ``2n // 3`` reduce.
        channels: Channels of a node in the first cell; doubled by each reduction.
        num_classes: Number of logits.
        skip: Inter-cell skip connections: none, from c(k-1), or from c(k-2) too where its shape
            agrees. The published weights use ``"previous"``; cell 0 never has one.
        reduction_skip: What carries the skip over a reduction cell: batch norm and a real 2x2
            convolution of stride 2 (published), the same with 1-bit operands, or a 2x2 average
            whose channels are repeated.
        real_weight_tail: Number of last cell convolutions that keep real weights (2 in the
            published weights, 0 in networks trained here).
        activation: What follows the convolution of a binary block: ReLU (published), or RPReLU
            (Liu et al., "ReActNet", ECCV 2020), a PReLU between two learned shifts per channel.

    Raises:
        SpecError: A field is outside its range.

    References:
        ECCV 2020 BNAS, Section 4.2 and Figure 3; supplement, Table 1.
    """

    genotype: Genotype = field(validator=_genotype)
    template: TemplateName = field(default="cifar", validator=_choice(TemplateName))
    num_cells: int = field(default=10, validator=_between(1, MAX_CELLS))
    channels: int = field(default=24, validator=_between(1, MAX_CHANNELS))
    num_classes: int = field(default=10, validator=_between(1, MAX_CLASSES))
    skip: Skip = field(default="previous", validator=_choice(Skip))
    reduction_skip: ReductionSkip = field(default="real", validator=_choice(ReductionSkip))
    real_weight_tail: int = field(default=0, validator=_between(0, MAX_CELLS))
    activation: Activation = field(default="relu", validator=_choice(Activation))

    def __attrs_post_init__(self) -> None:
        """Validate what concerns several fields."""
        if self.template == "imagenet" and self.channels % 2:
            raise SpecError(
                "`channels` must be even in the imagenet template, whose stem halves it "
                f"(got channels={self.channels})",
                field="channels",
                value=self.channels,
            )

    @property
    def input_size(self) -> int:
        """Side of the images, in pixels, for which the template was published."""
        return DEFAULT_INPUT_SIZES[self.template]

    @property
    def reductions(self) -> frozenset[int]:
        """Indices of the reduction cells."""
        return frozenset({self.num_cells // 3, 2 * self.num_cells // 3})

    def lower(self) -> Graph:
        """Return the network as a graph, every layer of it, Zeroise included."""
        from bnas.cells.lower import lower

        return lower(self)

    def to_json(self) -> str:
        """Return the specification as one JSON object; a ReLU goes without saying."""
        data = _CONVERTER.unstructure(self)
        if self.activation == "relu":
            # As before there was a choice, so that the text, and digests of it, stay what they are.
            del data["activation"]
        return json.dumps({"kind": "bnas", **data})

    @classmethod
    def from_json(cls, text: str) -> NetworkSpec:
        """Parse what `to_json` wrote.

        Raises:
            SpecError: Not JSON, unknown or missing keys, or a value outside its range.
            GenotypeError: The genotype describes no valid cell.
        """
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise SpecError(f"a network specification must be JSON text ({error})") from error
        if not isinstance(data, dict):
            raise SpecError(
                f"a network specification must be a JSON object (got {type(data).__name__})"
            )
        kind = data.pop("kind", None)
        if kind != "bnas":
            raise SpecError(
                f'a network specification must be of `kind` "bnas" (got {kind!r})',
                field="kind",
                value=kind,
            )
        if "genotype" not in data:
            raise SpecError(
                "a network specification must have a `genotype` (got none)", field="genotype"
            )
        try:
            return _CONVERTER.structure(data, cls)
        except cattrs.ForbiddenExtraKeysError as error:
            unknown = sorted(error.extra_fields)
            allowed = [item.name for item in attrs.fields(cls)]
            raise SpecError(
                f"unknown fields {unknown} in a network specification; allowed: {allowed}",
                field=unknown[0],
            ) from error


# Values pass unchanged (no "5" -> 5): the validators above are the only judges of them.
_CONVERTER = make_converter(forbid_extra_keys=True, detailed_validation=False)
_CONVERTER.register_unstructure_hook(Genotype, lambda value: value.to_dict())
_CONVERTER.register_structure_hook(Genotype, lambda value, _: Genotype.from_dict(value))
_CONVERTER.register_structure_hook(int, lambda value, _: value)
_CONVERTER.register_structure_hook_func(
    lambda kind: get_origin(kind) is Literal, lambda value, _: value
)
