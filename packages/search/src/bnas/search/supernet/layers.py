"""What both engines share: the real layers around the edges of a cell, and pooling."""

from __future__ import annotations

import torch.nn.functional as functional
from torch import Tensor, nn

from bnas.cells import Primitive
from bnas.cells.nn import BatchNorm2d, average_pool
from bnas.search.supernet.plan import CellPlan
from bnas.search.supernet.space import SearchSpace


class RealBlock(nn.Module):
    """Batch norm, real convolution, ReLU: the stem, and pre-processing in the supernet."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, stride: int = 1, *, affine: bool
    ) -> None:
        """Draw weights as torch does for a convolution.

        Args:
            in_channels: Of the input.
            out_channels: Of the output.
            kernel: Height and width of the window; padding keeps the size at stride 1.
            stride: In pixels.
            affine: Whether batch norm has a weight and a bias.
        """
        super().__init__()
        self.bn: BatchNorm2d = BatchNorm2d(in_channels, affine)
        self.conv: nn.Conv2d = nn.Conv2d(
            in_channels, out_channels, kernel, stride, kernel // 2, bias=False
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, I, H, W) to (N, O, H', W')."""
        return functional.relu(self.conv(self.bn(x)))


class CellFrame(nn.Module):
    """The pre-processing and the skip of a cell: all of it but the edges."""

    def __init__(self, plan: CellPlan, space: SearchSpace) -> None:
        """Build the real layers of a cell.

        Args:
            plan: The cell.
            space: Its space.
        """
        super().__init__()
        before, last = plan.in_channels
        # Strided, it keeps up with c(k-1), which the cell before has halved.
        window = (3, 2) if plan.halves_before else (1, 1)
        self.preprocess0: RealBlock = RealBlock(before, plan.channels, *window, affine=False)
        self.preprocess1: RealBlock = RealBlock(last, plan.channels, 1, affine=False)
        self.skip: nn.Module | None = None
        if plan.skip == "identity":
            self.skip = nn.Identity()
        elif plan.skip == "real":
            self.skip = ReductionSkip(last, plan.channels * space.nodes)

    def join(self, nodes: Tensor, last: Tensor) -> Tensor:
        """Add the skip to the concatenated nodes.

        Args:
            nodes: (N, nodes * C, H, W).
            last: The cell's second input, c(k-1).
        """
        return nodes if self.skip is None else nodes + self.skip(last)


class ReductionSkip(nn.Module):
    """Batch norm and a real 2x2 convolution of stride 2, with bias."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        """Draw weights as torch does for a convolution."""
        super().__init__()
        self.bn: BatchNorm2d = BatchNorm2d(in_channels)
        self.conv: nn.Conv2d = nn.Conv2d(in_channels, out_channels, 2, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, I, H, W) to (N, O, H / 2, W / 2)."""
        result: Tensor = self.conv(self.bn(x))
        return result


class CifarStem(RealBlock):
    """Batch norm of the colours, a real 3x3 convolution, ReLU; both inputs of cell 0 are it."""

    def __init__(self, channels: int) -> None:
        """Widen three colours to 3 * `channels`."""
        super().__init__(3, 3 * channels, 3, affine=True)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Return c(-2) and c(-1)."""
        stem = super().forward(images)
        return stem, stem


class ImageNetStem(nn.Module):
    """Three real 3x3 convolutions of stride 2, each with batch norm."""

    def __init__(self, channels: int) -> None:
        """Widen three colours to `channels`, by way of half as many."""
        super().__init__()
        widths = (3, channels // 2, channels, channels)
        self.convs: nn.ModuleList = nn.ModuleList(
            nn.Conv2d(narrow, wide, 3, 2, 1, bias=False)
            for narrow, wide in zip(widths, widths[1:], strict=False)
        )
        self.norms: nn.ModuleList = nn.ModuleList(BatchNorm2d(width) for width in widths[1:])

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return c(-2) and c(-1); the latter has half the height and width."""
        half = functional.relu(self.norms[0](self.convs[0](images)))
        before = self.norms[1](self.convs[1](half))
        last = self.norms[2](self.convs[2](functional.relu(before)))
        return before, last


def pool(layer: Primitive, x: Tensor, stride: int) -> Tensor:
    """Pool (N, C, H, W); what is padded counts neither for a maximum nor for an average.

    Args:
        layer: A pooling.
        x: Its input.
        stride: In pixels.
    """
    if layer.kind == "max_pool":
        return functional.max_pool2d(x, layer.kernel, stride, layer.padding)
    return average_pool(x, layer.kernel, stride, layer.padding)
