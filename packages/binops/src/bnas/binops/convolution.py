"""Binary 2-D convolution: a plan made once for its weights, and a one-call form."""

from __future__ import annotations

import functools
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from bnas.binops import threads as _threads
from bnas.binops.arrays import is_on_gpu
from bnas.binops.bits import BitTensor
from bnas.binops.dispatch import choose_backend, gpu_operations
from bnas.binops.epilogues import as_epilogues
from bnas.binops.errors import ShapeError
from bnas.binops.geometry import ConvGeometry, Pair, conv_geometry
from bnas.binops.operands import as_bits
from bnas.binops.outputs import OutputPlan


class Conv2d:
    """A binary convolution with weights, sizes and epilogue fixed.

    The counts are those of a convolution of ±1 numbers with zero padding, exactly:
    ``count = valid - 2 * popcount(x ^ w)`` (convention: "Bits" in the reference). A plan holds no
    scratch memory, so threads may share it.

    Args:
        w: (O, C / groups, KH, KW) numbers, binarised by ``>= 0``, or a BitTensor packed on axis 1;
            in host memory or on a GPU.
        input_shape: (C, H, W), or (N, C, H, W) where N is a hint: every batch size works.
        stride: Steps between outputs, pixels; an int or (height, width).
        padding: Zeros on every side, pixels.
        dilation: Steps between taps, pixels.
        groups: Number of groups; divides C and O.
        epilogue: "int32", `Counts()`, `Threshold(...)`, `Scale(...)`, or a tuple of these, all
            from one computation of the counts.
        backend: Name of the backend; None takes ``BNAS_BINOPS_BACKEND`` or the best one.

    Raises:
        ShapeError: Weights or input of a shape that is not possible.
        GeometryError: A stride, padding, dilation, groups or kernel that is not possible.
        EpilogueError: An epilogue that is unknown or does not fit.
        NanError: A weight is NaN.
        UnknownBackendError: No backend has the name.
        BackendUnavailableError: It cannot be used here.

    Examples:
        >>> plan = Conv2d(np.ones((1, 8, 3, 3)), (8, 4, 4), padding=1)
        >>> plan(np.ones((1, 8, 4, 4)))[0, 0, 0]
        array([32, 48, 48, 32], dtype=int32)
    """

    def __init__(
        self,
        w: Any,
        input_shape: tuple[int, ...],
        *,
        stride: Pair = 1,
        padding: Pair = 0,
        dilation: Pair = 1,
        groups: int = 1,
        epilogue: Any = "int32",
        backend: str | None = None,
    ) -> None:
        """Prepare the weights."""
        chosen = choose_backend(backend)
        weights = as_bits(w, "w", 4)
        if (
            weights.is_on_gpu
        ):  # A plan lays weights out anew, for whichever memory its inputs are in.
            weights = BitTensor(gpu_operations().to_host(weights.data, "w"), 1, weights.length)
        self.geometry: ConvGeometry = conv_geometry(
            tuple(input_shape), weights.shape, stride, padding, dilation, groups
        )
        self.backend: str = chosen.name
        epilogues = as_epilogues(epilogue, self.geometry.out_channels)
        self._outputs = OutputPlan(
            epilogues,
            (self.geometry.out_channels, *self.geometry.out_size),
            single=not isinstance(epilogue, tuple),
        )
        self._weight = np.ascontiguousarray(weights.data)
        self._kernel = chosen.load().conv2d(self.geometry, self._weight, epilogues)

    @property
    def output_shape(self) -> tuple[int, int, int]:
        """(O, H, W) of the output."""
        return (self.geometry.out_channels, *self.geometry.out_size)

    def __call__(self, x: Any, out: Any = None, *, threads: int | None = None) -> Any:
        """Run the convolution.

        Args:
            x: (N, C, H, W) numbers, binarised by ``>= 0``, or a BitTensor packed on axis 1. Where
                they live on a GPU, the outputs do too, and are of the same library.
            out: Where to write: int32 (N, O, OH, OW) for counts, float32 (N, O, OH, OW) for floats,
                bits (N, O, OH, OW); a tuple of these, with None where a fresh one is wanted, if the
                epilogue is a tuple. An array may be a slice of channels of a larger one.
            threads: Threads to use; None takes Numba's number. The result does not depend on it.

        Returns:
            What the epilogue makes: int32 (N, O, OH, OW), float32 (N, O, OH, OW), or bits
            (N, O, OH, OW) packed on axis 1; or a tuple. It is `out` where that was given.

        Raises:
            ShapeError: `x` or `out` does not fit the plan.
            DtypeError: `x` or `out` is of another type.
            EpilogueError: `out` is missing where the epilogue adds into it.
            NanError: `x` holds NaN.
            ThreadsError: `threads` is not possible.
            DeviceError: `x` and `out` live on several GPUs.
            BackendUnavailableError: `x` lives on a GPU that cannot be used.
        """
        if x.is_on_gpu if isinstance(x, BitTensor) else is_on_gpu(x):
            return self._gpu_plan(x, out)
        data = self._data(x, threads)
        results, arrays = self._outputs.prepare(len(data), out)
        workers = _threads.resolve(threads)
        if len(data):
            self._kernel(data, arrays, workers)
        return self._outputs.finish(results)

    @functools.cached_property
    def _gpu_plan(self) -> Any:
        """The same convolution on GPUs."""
        from bnas.binops.cuda.public_conv import GpuConv2d

        return GpuConv2d(self.geometry, self._weight, self._outputs)

    def _data(self, x: Any, threads: int | None) -> np.ndarray:
        """The packed input of a call, uint8 (N, ceil(C / 8), H, W) in C order."""
        # Bits of the right kind are what a network has: nothing else is asked of them.
        if type(x) is BitTensor and x.axis == 1 and x.length == self.geometry.in_channels:
            data: np.ndarray = x.data
            if data.shape[2:] == self.geometry.in_size and data.flags.c_contiguous:
                return data
        bits = as_bits(x, "x", 4, threads)
        expected = (self.geometry.in_channels, *self.geometry.in_size)
        if bits.shape[1:] != expected:
            raise ShapeError(
                f"`x` must be (N, {', '.join(map(str, expected))}) for this plan (got shape "
                f"{bits.shape})",
                shape=bits.shape,
                expected=expected,
            )
        return np.ascontiguousarray(bits.data)

    def __repr__(self) -> str:
        """Name geometry and backend, not the weights."""
        return f"Conv2d({self.geometry}, backend={self.backend!r})"


@overload
def conv2d(
    x: np.ndarray, w: np.ndarray, stride: Pair = 1, padding: Pair = 0, dilation: Pair = 1,
    groups: int = 1, *, threads: int | None = None,
) -> NDArray[np.int32]: ...  # fmt: skip
@overload
def conv2d(
    x: Any, w: Any, stride: Pair = 1, padding: Pair = 0, dilation: Pair = 1, groups: int = 1, *,
    threads: int | None = None,
) -> Any: ...  # fmt: skip
def conv2d(
    x: Any,
    w: Any,
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
    *,
    threads: int | None = None,
) -> Any:
    """Convolve signs with signs once; for many calls with the same weights make a `Conv2d`.

    Args:
        x: (N, C, H, W) numbers, binarised by ``>= 0``, or a BitTensor packed on axis 1.
        w: (O, C / groups, KH, KW) of the same kind.
        stride: Steps between outputs, pixels; an int or (height, width).
        padding: Zeros on every side, pixels; they count 0, exactly.
        dilation: Steps between taps, pixels.
        groups: Number of groups; divides C and O.
        threads: Threads to use; None takes Numba's number.

    Returns:
        int32 (N, O, OH, OW).

    Raises:
        ShapeError: Shapes that do not fit each other.
        GeometryError: A stride, padding, dilation, groups or kernel that is not possible.
        NanError: A number is NaN.

    Examples:
        >>> conv2d(np.ones((1, 3, 2, 2)), -np.ones((1, 3, 1, 1)))
        array([[[[-3, -3],
                 [-3, -3]]]], dtype=int32)
    """
    bits = as_bits(x, "x", 4, threads)
    plan = Conv2d(w, bits.shape, stride=stride, padding=padding, dilation=dilation, groups=groups)
    return plan(bits, threads=threads)
