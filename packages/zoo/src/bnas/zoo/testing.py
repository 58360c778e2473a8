"""`compare_with_module`: is a packed network the same function as a torch module?

For tests of one's own networks; needs torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

from bnas.cells import nodes
from bnas.zoo.network import PackedNetwork

if TYPE_CHECKING:
    from bnas.cells.nn import Network

#: A bit may differ where the value before its sign is below this fraction of its channel's largest.
NEAR_TIE = 1e-5


@frozen
class Comparison:
    """How far a packed network is from a torch module.

    Attributes:
        largest_error: Largest absolute difference over all taps and logits, each divided by the
            larger of 1 and the reference's largest value.
        bits: Number of bits compared.
        near_ties: Bits that differ at the first layer that has such bits, all of them near ties:
            float32 cannot decide them. Then what follows is another function and
            `largest_error` stops there.
        wrong_bits: Bits that differ there without being near ties; 0 in a correct network.
    """

    largest_error: float
    bits: int
    near_ties: int
    wrong_bits: int


def compare_with_module(packed: PackedNetwork, module: Network, images: np.ndarray) -> Comparison:
    """Compare every bit and every stage of a packed network with a torch module.

    Args:
        packed: The packed network.
        module: The torch module, in evaluation mode.
        images: float32 (N, 3, H, W).
    """
    import torch

    graph = packed.parameters.graph
    signs = [node for node in graph if isinstance(node, nodes.Sign)]
    wanted = [name for node in signs for name in (node.name, *node.inputs)]
    with torch.no_grad():
        values = module.evaluate(torch.from_numpy(images), [*wanted, *graph.taps.values()])
    reference = {name: value.numpy() for name, value in values.items()}
    program = packed.program(*images.shape[2:])
    outputs, bits = program.trace(images), program.bits(images)
    order = {node.name: index for index, node in enumerate(graph)}
    compared, last = 0, len(order)
    near_ties = wrong_bits = 0
    for node in signs:
        compared += reference[node.name].size
        differs = bits[node.name] != reference[node.name]
        if differs.any():
            value = np.abs(reference[node.inputs[0]])
            is_near = value < NEAR_TIE * value.max(axis=(0, 2, 3), keepdims=True)
            near_ties, wrong_bits = int((differs & is_near).sum()), int((differs & ~is_near).sum())
            last = order[node.name]
            break
    labels = {**graph.taps, "logits": graph.output}
    errors = [
        _error(outputs[label].reshape(reference[name].shape), reference[name])
        for label, name in labels.items()
        if order[name] < last
    ]
    return Comparison(max(errors, default=0.0), compared, near_ties, wrong_bits)


def _error(actual: np.ndarray, reference: np.ndarray) -> float:
    scale = max(1.0, float(np.abs(reference).max(initial=0)))
    return float(np.abs(actual - reference).max(initial=0)) / scale
