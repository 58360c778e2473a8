"""What `bnas.search.quantization_error` finds, as records."""

from __future__ import annotations

import math

from attrs import frozen


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
        cosine: <R, C> / (|R| |C|), whatever their scales are; 0 where one of the two is 0.
        accumulated_error: The relative error with R of a network of real operands throughout:
            errors add up from the images on. Near 1, R is merely much larger than C: nothing keeps
            the scale of a network whose batch norms are another's.
        accumulated_cosine: The same of the cosine.
    """

    cell: str
    relative_error: float
    cosine: float
    accumulated_error: float
    accumulated_cosine: float


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
