"""`quantization_error`: how far what a binary network computes is from the same with real operands.

The paper keeps Zeroise since a binary convolution whose real counterpart is near 0 can be farther
from it than zeros are. Here that is measured.
"""

from __future__ import annotations

import math

import torch
from attrs import define, field
from torch import Tensor, nn

from bnas.cells import Normalization, nodes
from bnas.cells.nn import BinaryConv2d, Network, Sign, convolve
from bnas.search.augmentation import evaluation_batch
from bnas.search.errors import DataError, RecipeError
from bnas.search.image_set import ImageSet
from bnas.search.quantization_records import CellError, LayerError, QuantizationError


@torch.no_grad()
def quantization_error(
    network: Network,
    images: ImageSet,
    normalization: Normalization,
    *,
    side: int | None = None,
    resize: int | None = None,
    batch_size: int = 100,
) -> QuantizationError:
    """Compare a trained network with itself without binarisation, in evaluation mode.

    Of every binary convolution with latent weights W, reading a = sign(x), of scales s = mean|W|:
    B = s * (sign(W) conv a), as evaluation computes it, and Y = W conv x, of the same x: mostly a
    batch norm's. Both before whatever follows, a ReLU for instance. Norms |.| are Euclidean, over
    all images together; everything is computed in float32 and summed up in float64.

    Real operands throughout are those of ``Network(spec, binarize="none")`` with this network's
    state: its batch norms keep the statistics of the binary network, with which it was not trained.
    Its error says how far the binary network is from what its latent weights would compute, not how
    far it is from a network that was trained with real weights.

    Args:
        network: Of binary weights and activations; put back into the mode in which it came.
        images: Images; their labels do not count.
        normalization: Statistics with which the network was trained.
        side: As of `evaluate`, and so is `resize`.
        resize: See there.
        batch_size: Images at once.

    Raises:
        DataError: There are no images.
        RecipeError: The network was built with another `binarize` than "all", or `batch_size` is
            below 1.

    References:
        ECCV 2020 BNAS, Section 4.1; Rastegari et al., "XNOR-Net", ECCV 2016, Equation 2.
    """
    if not len(images):
        raise DataError("`images` must hold at least one image (got none)")
    if network.binarize != "all":
        raise RecipeError(
            "`network` must have binary weights and activations, as binarize='all' builds it "
            f"(got binarize={network.binarize!r})"
        )
    if batch_size < 1:
        raise RecipeError(f"`batch_size` must be an integer >= 1 (got {batch_size})")
    was_training = network.training
    network.eval()
    tally = _Tally()
    try:
        for start in range(0, len(images), batch_size):
            pixels = images.images[start : start + batch_size]
            _compare(network, evaluation_batch(pixels, normalization, side, resize), tally)
    finally:
        network.train(was_training)
    return _found(network, tally, len(images))


@define
class _Tally:
    """Sums over the batches so far.

    Attributes:
        layers: Convolution -> |Y|^2, |B|^2, <Y, B>, |Y - B|^2, positions where zeros are nearer.
        positions: Convolution -> positions.
        cells: Tap -> sums as of a layer with R for Y and C for B, of the same input; then those of
            real operands throughout.
    """

    layers: dict[str, list[float]] = field(factory=dict)
    positions: dict[str, int] = field(factory=dict)
    cells: dict[str, list[float]] = field(factory=dict)

    def add_layer(self, name: str, real: Tensor, binary: Tensor) -> None:
        """Take in Y and B of a batch, float32 of one shape."""
        _add(self.layers, name, _sums(real, binary))
        self.positions[name] = self.positions.get(name, 0) + real.numel()

    def add_cell(self, label: str, binary: Tensor, local: Tensor, whole: Tensor) -> None:
        """Take in a cell's output: binary, real of the same input, real throughout."""
        _add(self.cells, label, _sums(local, binary) + _sums(whole, binary))


def _sums(real: Tensor, binary: Tensor) -> list[Tensor]:
    """Return |Y|^2, |B|^2, <Y, B>, |Y - B|^2, and how often zeros are nearer to Y."""
    y, b = real.double(), binary.double()
    distance = y - b
    nearer = (y.abs() < distance.abs()).sum()
    return [y.square().sum(), b.square().sum(), (y * b).sum(), distance.square().sum(), nearer]


def _add(sums: dict[str, list[float]], name: str, values: list[Tensor]) -> None:
    before = sums.get(name, [0.0] * len(values))
    found = torch.stack([each.double() for each in values]).tolist()
    sums[name] = [old + new for old, new in zip(before, found, strict=True)]


def _compare(network: Network, images: Tensor, tally: _Tally) -> None:
    """Evaluate a batch three times, node by node: binary, real in each cell, real throughout."""
    owner = {node.name: node.cell for node in network.graph}
    first = network.graph.input.name
    binary, local, whole = {first: images}, {first: images}, {first: images}
    # Sign -> what it reads in the binary network: the real operand of the convolutions after it.
    operands: dict[str, Tensor] = {}
    for node, module, last_reads in network.steps:
        name = node.name
        inputs = [binary[each] for each in node.inputs]
        if isinstance(node, nodes.Sign):
            operands[name] = inputs[0]
        binary[name] = module(*inputs)
        # A cell begins with what the binary network puts into it.
        reads = [
            local[each] if owner[each] == node.cell else operands.get(each, binary[each])
            for each in node.inputs
        ]
        local[name] = _real(module, reads)
        whole[name] = _real(module, [whole[each] for each in node.inputs])
        if isinstance(module, BinaryConv2d):
            tally.add_layer(name, _real(module, [operands[node.inputs[0]]]), binary[name])
        for label, tap in network.graph.taps.items():
            if tap == name:
                tally.add_cell(label, binary[name], local[name], whole[name])
        for each in last_reads:
            del binary[each], local[each], whole[each]
            operands.pop(each, None)


def _real(module: nn.Module, inputs: list[Tensor]) -> Tensor:
    """Return what a module computes with real operands: as the float twin has it."""
    if isinstance(module, Sign):
        return inputs[0]
    if isinstance(module, BinaryConv2d):
        node = module.node
        geometry = (node.stride, node.padding, node.dilation, node.groups)
        return convolve(inputs[0], module.weight, *geometry)
    result: Tensor = module(*inputs)
    return result


def _found(network: Network, tally: _Tally, images: int) -> QuantizationError:
    layers = []
    for name, sums in tally.layers.items():
        positions = tally.positions[name]
        layers.append(
            LayerError(
                layer=name,
                cell=network.graph[name].cell,
                relative_error=_relative_error(sums),
                cosine=_cosine(sums),
                zeros_nearer=sums[4] / positions,
                positions=positions,
            )
        )
    cells = [
        CellError(
            cell=label,
            relative_error=_relative_error(sums[:5]),
            cosine=_cosine(sums[:5]),
            accumulated_error=_relative_error(sums[5:]),
            accumulated_cosine=_cosine(sums[5:]),
        )
        for label, sums in tally.cells.items()
    ]
    return QuantizationError(layers=tuple(layers), cells=tuple(cells), images=images)


def _relative_error(sums: list[float]) -> float:
    """Return |Y - B| / |Y|, and 0 where both are 0."""
    if sums[0] == 0:
        return math.inf if sums[3] else 0.0
    return math.sqrt(sums[3] / sums[0])


def _cosine(sums: list[float]) -> float:
    lengths = math.sqrt(sums[0]) * math.sqrt(sums[1])
    return sums[2] / lengths if lengths else 0.0
