"""`DartsSpec`: the cells of a genotype stacked as DARTS stacks them, binary."""

from __future__ import annotations

from typing import Literal

from attrs import field, frozen

from bnas.cells.cell_fields import check_channels, is_genotype
from bnas.cells.fields import MAX_BLOCKS, MAX_CHANNELS, MAX_CLASSES, between, choice
from bnas.cells.genotype import Genotype
from bnas.cells.graph import Graph
from bnas.cells.json_form import read_fields, write_fields
from bnas.cells.spec import Activation
from bnas.cells.templates import DEFAULT_INPUT_SIZES, TemplateName

Downsampling = Literal["binary", "real"]

#: What the `kind` of the JSON form says.
KIND = "darts"


@frozen(kw_only=True)
class DartsSpec:
    """Cells stacked by DARTS's template, every convolution of a cell a binary block.

    Nothing goes around a cell: there are no inter-cell skip connections. Both inputs of a cell pass
    a 1x1 block, of stride 2 where c(k-2) is twice as large as c(k-1). Real are the stem, in
    ``"cifar"`` a 3x3 to 3 C channels and batch norm, the classifier, and what `downsampling` says.

    Attributes:
        genotype: Wiring of the two cell types, of primitives of any search space.
        template: Stem: ``"cifar"`` or ``"imagenet"``, that of `NetworkSpec`.
        num_cells: Number of stacked cells; cells ``n // 3`` and ``2n // 3`` reduce.
        channels: Channels of a node in the first cell; doubled by each reduction; a multiple of the
            groups of grouped convolutions.
        num_classes: Number of logits.
        downsampling: ``"real"`` leaves the convolutions real that downsample channels or
            resolution: those of the 1x1 blocks before a cell and those of stride 2. Such a block
            has no sign: batch norm, real convolution, ReLU.
        activation: What ends a block: ``"relu"``, or ``"rprelu"`` (see `NetworkSpec`).

    Raises:
        SpecError: A field is outside its range.

    References:
        Liu, Simonyan, Yang, "DARTS", ICLR 2019, Appendix A.3, and its authors' code. The supplement
        of ECCV 2020 BNAS binarises it (Section 1); in BATS it leaves downsampling real (Section 5).
    Deviates:
        DARTS's convolutions are ReLU, convolution, batch norm. Its FactorizedReduce, in place of a
        1x1 of stride 2, computes half of the channels from pixels that lie one to the right and
        below; here all are computed from the same pixels, with as many weights and MACs. Its
        auxiliary head, which exists in training alone, is left out.
    """

    genotype: Genotype = field(validator=is_genotype)
    template: TemplateName = field(default="cifar", validator=choice(TemplateName))
    num_cells: int = field(default=20, validator=between(1, MAX_BLOCKS))
    channels: int = field(default=36, validator=between(1, MAX_CHANNELS))
    num_classes: int = field(default=10, validator=between(1, MAX_CLASSES))
    downsampling: Downsampling = field(default="binary", validator=choice(Downsampling))
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
        """Return the network as a graph, every layer of it."""
        from bnas.cells.lower_darts import lower_darts

        return lower_darts(self)

    def to_json(self) -> str:
        """Return the specification as one JSON object."""
        return write_fields(self, KIND)

    @classmethod
    def from_json(cls, text: str) -> DartsSpec:
        """Parse what `to_json` wrote.

        Raises:
            SpecError: Not JSON, unknown or missing keys, or a value outside its range.
            GenotypeError: The genotype describes no valid cell.
        """
        return read_fields(cls, text, KIND, required=("genotype",))
