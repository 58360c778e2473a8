"""`Counts`: what a card says of a network's size and work, by both counting rules."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from bnas.cells import Spec, cost
from bnas.zoo.errors import CardError

_MAX = 1e30  # and no NaN, which JSON does not know


def _check(_: object, attribute: Any, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _MAX:
        raise CardError(f"`{attribute.name}` must be a number >= 0 (got {value!r})")


@frozen(kw_only=True)
class Counts:
    """What a network has and does for one image; see `bnas.cells.cost` for the rules.

    Attributes:
        params: Parameters of the specification.
        binary_params: Of them, 1-bit weights.
        binary_macs: Multiply-accumulates of signs.
        real_macs: Other multiply-accumulates.
        paper_flops: Operations as the paper counts them.
        paper_memory_bytes: Parameters in memory as the paper counts them.
        deployed_flops: Operations that really are done, after pruning.
        deployed_memory_bytes: Parameters that really are kept, after pruning.

    Raises:
        CardError: A field is no number of at least 0.
    """

    params: int = field(validator=_check)
    binary_params: int = field(validator=_check)
    binary_macs: int = field(validator=_check)
    real_macs: int = field(validator=_check)
    paper_flops: float = field(validator=_check)
    paper_memory_bytes: int = field(validator=_check)
    deployed_flops: float = field(validator=_check)
    deployed_memory_bytes: int = field(validator=_check)

    @classmethod
    def of(cls, spec: Spec) -> Counts:
        """Count a network at the size of the images that it is made for."""
        paper, deployed = cost(spec, rule="paper"), cost(spec, rule="deployed")
        return cls(
            params=paper.params,
            binary_params=paper.binary_params,
            binary_macs=paper.binary_macs,
            real_macs=paper.real_macs,
            paper_flops=paper.flops,
            paper_memory_bytes=paper.memory_bytes,
            deployed_flops=deployed.flops,
            deployed_memory_bytes=deployed.memory_bytes,
        )
