"""The arithmetic of BNAS-F's memory, where the supplement's Table 4 contradicts itself."""

from __future__ import annotations

from attrs import frozen

from bnas import cells
from bnas.cells.counting_rules import count_paper
from bnas.cells.layer_cost import FLOAT_BITS, LayerCost
from bnas.tools.reproduce import published
from bnas.tools.reproduce.published import deviation_percent
from bnas.tools.reproduce.section import Table

_NAME = "BNAS-F"
#: Of the same cells and channels: a stack of fewer cells.
_SIBLING = "BNAS-E"


@frozen
class Memory:
    """Bits of a network by the paper's rule.

    Attributes:
        float_bits: Of the float counterpart.
        packed_bits: Of the binary network.
        real_bits: Those of them that its stem and classifier take, 32 a parameter.
        published_saving: Times less memory, as published.
    """

    float_bits: int
    packed_bits: int
    real_bits: int
    published_saving: float

    @classmethod
    def of(cls, name: str) -> Memory:
        """Count a network by its name."""
        spec = cells.spec(name)
        assert isinstance(spec, cells.NetworkSpec)
        layers = cells.cost(spec).layers
        totals = count_paper(spec, spec.input_size, layers)
        return cls(
            float_bits=round(totals.memory_saving * totals.memory_bits),
            packed_bits=totals.memory_bits,
            real_bits=sum(FLOAT_BITS * layer.params for layer in layers if _is_real(layer)),
            published_saving=published.TABLE_4[name].memory_saving,
        )

    @property
    def saving(self) -> float:
        """Times less memory, as counted."""
        return self.float_bits / self.packed_bits

    @property
    def needed_bits(self) -> float:
        """What the binary network would have to take for the published saving."""
        return self.float_bits / self.published_saving

    @property
    def one_bit_parameters(self) -> int:
        """Parameters that the rule counts at one bit."""
        return self.packed_bits - self.real_bits


def _is_real(layer: LayerCost) -> bool:
    return bool(layer.macs) and layer.role in ("stem", "classifier")


def memory_table() -> Table:
    """Return the bits behind the memory saving of every BNAS network of Table 4."""
    rows = []
    for name in published.TABLE_4:
        if isinstance(cells.spec(name), cells.NetworkSpec):
            memory = Memory.of(name)
            rows.append(
                (
                    name,
                    memory.float_bits,
                    memory.packed_bits,
                    memory.real_bits,
                    memory.saving,
                    memory.published_saving,
                    round(memory.needed_bits),
                )
            )
    columns = (
        "network",
        "bits of the float counterpart",
        "bits of the binary network",
        "of them in stem and classifier",
        "memory saving",
        "memory saving, published",
        "bits that the published saving needs",
    )
    caption = (
        "Memory by the paper's rule: stem and classifier at 32 bits a parameter, everything else "
        "at 1 bit, the skip convolutions of reduction cells left out on both sides."
    )
    return Table("table4_memory", columns, tuple(rows), caption)


def memory_text(tolerance_percent: float) -> str | None:
    """Say what is wrong with the published memory saving of BNAS-F; None if nothing is.

    Args:
        tolerance_percent: Deviation from which on a published value is called wrong.
    """
    memory, sibling = Memory.of(_NAME), Memory.of(_SIBLING)
    off = deviation_percent(memory.saving, memory.published_saving)
    if abs(off) <= tolerance_percent:
        return None
    left = memory.needed_bits - memory.real_bits
    ones = memory.one_bit_parameters
    room = f"which leaves {left:,.0f} bits for the {ones:,} parameters that take one bit each"
    if left < 0:
        room = f"which is {-left:,.0f} bits more than that, without a single 1-bit weight"
    return (
        f"**{_NAME}'s memory in the published table contradicts the rest of it.** Its float "
        f"counterpart has {memory.float_bits:,} bits and the binary network "
        f"{memory.packed_bits:,}, a saving of {memory.saving:.2f}. The published saving of "
        f"{memory.published_saving:g} needs a binary network of {memory.needed_bits:,.0f} bits; "
        f"its real stem and classifier alone take {memory.real_bits:,}, {room}. {_SIBLING} is the "
        f"same stem, classifier and cells, fewer of them: the same rule gives "
        f"{sibling.saving:.2f} beside the published {sibling.published_saving:g}."
    )
