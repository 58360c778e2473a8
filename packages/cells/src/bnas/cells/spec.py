"""`NetworkSpec`: how the cells of a genotype are stacked into a network."""

from __future__ import annotations

from typing import Literal

from attrs import field, frozen

from bnas.cells.cell_fields import check_channels, is_genotype
from bnas.cells.fields import MAX_BLOCKS, MAX_CHANNELS, MAX_CLASSES, between, choice
from bnas.cells.genotype import Genotype
from bnas.cells.graph import Graph
from bnas.cells.json_form import read_fields, write_fields
from bnas.cells.templates import DEFAULT_INPUT_SIZES, TemplateName

Skip = Literal["none", "previous", "both"]
ReductionSkip = Literal["real", "binary", "pool"]
Activation = Literal["relu", "rprelu"]

#: What the `kind` of the JSON form says.
KIND = "bnas"


@frozen(kw_only=True)
class NetworkSpec:
    """A network of stacked cells.

    Attributes:
        genotype: Wiring of the two cell types, of primitives of any search space.
        template: Stem and pre-processing of the ``"cifar"`` or the ``"imagenet"`` network.
        num_cells: Number of stacked cells; cells ``n // 3`` and ``2n // 3`` reduce.
        channels: Channels of a node in the first cell; doubled by each reduction; a multiple of the
            groups of grouped convolutions.
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

    genotype: Genotype = field(validator=is_genotype)
    template: TemplateName = field(default="cifar", validator=choice(TemplateName))
    num_cells: int = field(default=10, validator=between(1, MAX_BLOCKS))
    channels: int = field(default=24, validator=between(1, MAX_CHANNELS))
    num_classes: int = field(default=10, validator=between(1, MAX_CLASSES))
    skip: Skip = field(default="previous", validator=choice(Skip))
    reduction_skip: ReductionSkip = field(default="real", validator=choice(ReductionSkip))
    real_weight_tail: int = field(default=0, validator=between(0, MAX_BLOCKS))
    activation: Activation = field(default="relu", validator=choice(Activation))

    def __attrs_post_init__(self) -> None:
        """Validate what concerns several fields."""
        check_channels(self.channels, self.genotype, self.template)

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
        # As before there was a choice, so that the text, and digests of it, stay what they are.
        unsaid = ("activation",) if self.activation == "relu" else ()
        return write_fields(self, KIND, unsaid=unsaid)

    @classmethod
    def from_json(cls, text: str) -> NetworkSpec:
        """Parse what `to_json` wrote.

        Raises:
            SpecError: Not JSON, unknown or missing keys, or a value outside its range.
            GenotypeError: The genotype describes no valid cell.
        """
        return read_fields(cls, text, KIND, required=("genotype",))
