"""`cost`: parameters, multiply-accumulates and bytes of a network, under a named counting rule.

A binary MAC multiplies two 1-bit operands; everything else is a real MAC. Both rules count one
binary MAC as 1/64 FLOP, as XNOR-Net does. They differ in what they count:

* ``"paper"`` is the rule behind the supplement's Tables 3 and 4, whose figures it meets within 6 %
  but for the memory of BNAS-F: the skip convolutions of reduction cells are left out, batch-norm
  parameters take one bit, and the float counterpart stacks the cell without Zeroise.
  A network without cells is counted as its own paper does: 32 bits for each parameter that is no
  1-bit weight, nothing left out, against the same network in float32.
* ``"deployed"`` counts what is stored and run after pruning, in float32 where it is not one bit,
  against the same network in float32 as specified. A batch norm that only signs read takes one
  float32 threshold and one bit of direction a channel; a binary convolution one float32 scale a
  filter.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import attrs
from attrs import field, frozen

from bnas.cells.counting_rules import Totals, count_deployed, count_paper, count_published
from bnas.cells.errors import SpecError
from bnas.cells.family import name_of
from bnas.cells.layer_cost import LayerCost, layer_costs
from bnas.cells.spec import NetworkSpec
from bnas.cells.specification import Spec

Rule = Literal["paper", "deployed"]


@frozen(kw_only=True)
class CostReport:
    """What a network costs.

    Attributes:
        model: The published network's name, or ``custom``.
        rule: Counting rule of the last four numbers.
        input_size: Side of the images in pixels.
        params: Learnable parameters of the specification, before pruning.
        binary_params: Those of them that are 1-bit weights.
        binary_macs: Binary MACs for one image, before pruning.
        real_macs: Real MACs for one image, before pruning.
        flops: real MACs + binary MACs / 64, as the rule counts them.
        memory_bytes: Bytes of all parameters, as the rule counts them.
        memory_saving: Bytes of the float counterpart over `memory_bytes`.
        speed_up: MACs of the float counterpart over `flops`; theoretical, not measured.
        layers: Every layer with parameters, before pruning.
    """

    model: str
    rule: Rule
    input_size: int
    params: int
    binary_params: int
    binary_macs: int
    real_macs: int
    flops: float
    memory_bytes: int
    memory_saving: float
    speed_up: float
    layers: tuple[LayerCost, ...] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers, without the layers, ready for JSON."""
        return attrs.asdict(self, filter=lambda attribute, _: attribute.name != "layers")

    @property
    def real_layers(self) -> tuple[LayerCost, ...]:
        """Convolutions and linear layers that are not 1 bit.

        References:
            Supplement, Section 6: networks with such layers are "not fully binary".
        """
        return tuple(layer for layer in self.layers if layer.macs and not layer.is_binary)


def cost(spec: Spec, input_size: int | None = None, rule: Rule = "paper") -> CostReport:
    """Return what `spec` costs for one image.

    Args:
        spec: The network.
        input_size: Side of the square image in pixels; default: the template's, 32 or 224.
        rule: ``"paper"`` or ``"deployed"``.

    Raises:
        SpecError: An unknown rule.
        GraphError: The network cannot take images of this size.

    References:
        Supplement of ECCV 2020 BNAS, Section 4, Tables 3 and 4; Liu et al., "Bi-Real Net", ECCV
        2018, Table 3.
    """
    if rule not in get_args(Rule):
        raise SpecError(
            f"`rule` must be one of {get_args(Rule)} (got {rule!r})", field="rule", value=rule
        )
    size = spec.input_size if input_size is None else input_size
    layers = layer_costs(spec.lower(), size)
    binary_macs = sum(layer.macs for layer in layers if layer.is_binary)
    real_macs = sum(layer.macs for layer in layers if not layer.is_binary)
    totals = _totals(spec, size, layers, rule)
    return CostReport(
        model=name_of(spec, exactly=True) or "custom",
        rule=rule,
        input_size=size,
        params=sum(layer.params for layer in layers),
        binary_params=sum(layer.params for layer in layers if layer.is_binary),
        binary_macs=binary_macs,
        real_macs=real_macs,
        flops=totals.flops,
        memory_bytes=-(-totals.memory_bits // 8),
        memory_saving=totals.memory_saving,
        speed_up=totals.speed_up,
        layers=layers,
    )


def _totals(spec: Spec, size: int, layers: tuple[LayerCost, ...], rule: Rule) -> Totals:
    if rule == "deployed":
        return count_deployed(spec, size, layers)
    if isinstance(spec, NetworkSpec):
        return count_paper(spec, size, layers)
    return count_published(layers)
