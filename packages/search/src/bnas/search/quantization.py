"""`quantization_error`: how far what a binary network computes is from the same with real operands.

The paper keeps Zeroise since a binary convolution whose real counterpart is near 0 can be farther
from it than zeros are. Here that is measured.
"""

from __future__ import annotations

import math

import torch
from attrs import define, field, frozen
from torch import Tensor, nn

from bnas.cells import Normalization, nodes
from bnas.cells.nn import BinaryConv2d, Network, Sign, convolve
from bnas.search.augmentation import evaluation_batch
from bnas.search.errors import DataError, RecipeError
from bnas.search.image_set import ImageSet


@frozen(kw_only=True)
class LayerError:
    """How far a binary convolution is from a real one, over all positions of all images.

    Attributes:
        layer: Name of the convolution.
        cell: Tap of the cell that it belongs to, such as ``cell_03``.
        relative_error: |Y - B| / |Y|; above 1, zeros are nearer to Y than B is. Infinite where Y is
            0 and B is not.
        cosine: <Y, B> / (|Y| |B|): what is left of the error if B may be scaled as well as can be
            is sqrt(1 - cosine^2). 0 where one of the two is 0.
        zeros_nearer: Share of the positions at which |y| < |y - b|.
        positions: How many there are: images, channels, pixels.
    """

    layer: str
    cell: str
    relative_error: float
    cosine: float
    zeros_nearer: float
    positions: int


@frozen(kw_only=True)
class CellError:
    """How far the output of a cell is from that of the same cell with real operands.

    Attributes:
        cell: Its tap, such as ``cell_03``, or that of another stage.
        relative_error: |R - C| / |R|, where C is what the cell puts out in the binary network and R
            what it makes, with real operands throughout, of the same input.
        accumulated_error: The same, with R in a network of real operands throughout: errors add up
            from the images on.
    """

    cell: str
    relative_error: float
    accumulated_error: float


@frozen(kw_only=True)
class QuantizationError:
    """What `quantization_error` found.

    Attributes:
        layers: Binary convolutions in the order of the graph.
        cells: Taps in the order of the graph.
        images: How many were measured on.
    """

    layers: tuple[LayerError, ...]
    cells: tuple[CellError, ...]
    images: int

    @property
    def zeros_nearer(self) -> float:
        """Share of the positions of all layers at which zeros are nearer; NaN without layers."""
        total = sum(layer.positions for layer in self.layers)
        nearer = sum(layer.zeros_nearer * layer.positions for layer in self.layers)
        return nearer / total if total else math.nan

    @property
    def layers_where_zeros_are_nearer(self) -> float:
        """Share of the layers whose relative error is above 1; NaN without layers."""
        worse = sum(layer.relative_error > 1 for layer in self.layers)
        return worse / len(self.layers) if self.layers else math.nan


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
        cells: Tap -> |R|^2, |R - C|^2 of the same input, then both of real operands throughout.
    """

    layers: dict[str, list[float]] = field(factory=dict)
    positions: dict[str, int] = field(factory=dict)
    cells: dict[str, list[float]] = field(factory=dict)

    def add_layer(self, name: str, real: Tensor, binary: Tensor) -> None:
        """Take in Y and B of a batch, float32 of one shape."""
        y, b = real.double(), binary.double()
        distance = y - b
        nearer = (y.abs() < distance.abs()).sum()
        sums = [y.square().sum(), b.square().sum(), (y * b).sum(), distance.square().sum(), nearer]
        _add(self.layers, name, sums)
        self.positions[name] = self.positions.get(name, 0) + y.numel()

    def add_cell(self, label: str, binary: Tensor, local: Tensor, whole: Tensor) -> None:
        """Take in a cell's output: binary, real of the same input, real throughout."""
        sums = []
        for real in (local.double(), whole.double()):
            sums += [real.square().sum(), (real - binary.double()).square().sum()]
        _add(self.cells, label, sums)


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
    for name, (real, binary, product, distance, nearer) in tally.layers.items():
        positions = tally.positions[name]
        layers.append(
            LayerError(
                layer=name,
                cell=network.graph[name].cell,
                relative_error=_ratio(distance, real),
                cosine=product / math.sqrt(real * binary) if real and binary else 0.0,
                zeros_nearer=nearer / positions,
                positions=positions,
            )
        )
    cells = [
        CellError(
            cell=label,
            relative_error=_ratio(distance, local),
            accumulated_error=_ratio(whole_distance, whole),
        )
        for label, (local, distance, whole, whole_distance) in tally.cells.items()
    ]
    return QuantizationError(layers=tuple(layers), cells=tuple(cells), images=images)


def _ratio(distance: float, norm: float) -> float:
    """Return the root of the quotient of two sums of squares; 0 of 0 / 0."""
    if norm == 0:
        return math.inf if distance else 0.0
    return math.sqrt(distance / norm)
