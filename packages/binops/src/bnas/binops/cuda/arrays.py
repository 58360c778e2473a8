"""`GpuArray`: an array on a GPU, of whatever library, as kernels see it: without a copy.

What is queued runs on the stream that the caller's library queues on now, so that it is in order
there. Only where the operands of a call are on several streams, the others are waited for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from attrs import frozen
from numba import cuda
from numba.core import config

from bnas.binops.cuda.dlpack import read_capsule
from bnas.binops.cuda.libraries import Library, Numba, library_of
from bnas.binops.errors import BackendUnavailableError, DeviceError, DtypeError

IS_SIMULATED = bool(config.ENABLE_CUDASIM)
#: Handle of CUDA's legacy default stream, for which DLPack has no 0.
LEGACY_STREAM = 1
#: More multiprocessors than any GPU has: so many the simulator claims, to get the smallest blocks.
MOST_PROCESSORS = 1 << 10
#: Bytes of an element of each type whose signs can be packed; bfloat16 NumPy does not know.
ITEM_BYTES = {
    "bool": 1, "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "float16": 2, "bfloat16": 2,
    "int32": 4, "uint32": 4, "float32": 4, "int64": 8, "uint64": 8, "float64": 8,
}  # fmt: skip


@frozen(eq=False)
class GpuArray:
    """An array on a GPU.

    Args:
        owner: The caller's array, or what else keeps the memory.
        pointer: Address of the first element on the device.
        shape: Lengths of the axes.
        steps: Elements from one to the next along each axis; any sign.
        dtype: Name of its type, one of `ITEM_BYTES`.
        device: Number of the GPU.
        stream: Handle of the stream that its library queues on; 0 is the default one.
        maker: Makes arrays like it.
    """

    owner: Any
    pointer: int
    shape: tuple[int, ...]
    steps: tuple[int, ...]
    dtype: str
    device: int
    stream: int
    maker: Library

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def is_contiguous(self) -> bool:
        """Whether it lies in C order."""
        return not self.size or all(
            step == expected
            for length, step, expected in zip(
                self.shape, self.steps, contiguous_steps(self.shape), strict=True
            )
            if length > 1
        )

    @property
    def start(self) -> int:
        """Place of the first element in `memory`; above 0 where a step is negative."""
        return -sum(
            min(0, (length - 1) * step) for length, step in zip(self.shape, self.steps, strict=True)
        )

    def memory(self, dtype: str) -> Any:
        """View all memory that it spans, lowest address first, as a device array of one axis.

        Args:
            dtype: NumPy's name of the type to see it as; the span must be a multiple of it.

        Returns:
            What kernels take. The GPU must be the current one (`using`).
        """
        itemsize = ITEM_BYTES[self.dtype]
        span = 0
        if self.size:
            reach = zip(self.shape, self.steps, strict=True)
            span = itemsize * (1 + sum((length - 1) * abs(step) for length, step in reach))
        kind = np.dtype(dtype)
        interface = {
            "shape": (span // kind.itemsize,),
            "typestr": kind.str,
            "data": (self.pointer - itemsize * self.start, False),
            "strides": None,
            "version": 3,
        }
        return _view(interface, self.owner)

    def empty(self, shape: Sequence[int], dtype: str) -> GpuArray:
        """Make an array of the same library on the same GPU, not filled.

        Args:
            shape: Lengths of the axes.
            dtype: NumPy's name of the type.

        Returns:
            It, in C order.
        """
        made = self.maker.empty(self.owner, tuple(shape), dtype)
        return as_gpu_array(made, "out")


def contiguous_steps(shape: Sequence[int]) -> tuple[int, ...]:
    """The steps of an array in C order."""
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def as_gpu_array(value: Any, name: str) -> GpuArray:
    """Read an array that lives on a GPU.

    Args:
        value: A torch or CuPy array, Numba's, or anything with ``__cuda_array_interface__`` or
            DLPack on a CUDA device.
        name: The argument's name, for the message.

    Returns:
        It, without a copy.

    Raises:
        DtypeError: Its numbers have no signs or are of a type that kernels cannot read (complex
            numbers, 8-bit floats), or its library does not hand it over.
    """
    library, owner = library_of(value), value
    try:
        if library is None and not hasattr(value, "__cuda_array_interface__"):
            # The capsule may own what it shows.
            owner = value, value.__dlpack__(stream=LEGACY_STREAM)
            found = read_capsule(owner[1], LEGACY_STREAM)
        else:
            found = (library or Numba()).describe(value)
    except (AttributeError, BufferError, KeyError, RuntimeError, TypeError) as error:
        raise DtypeError(
            f"`{name}` must be an array of numbers on a GPU that other libraries may read (got "
            f"{type(value).__name__}: {error}); detach it, or make it dense, first",
            got=type(value).__name__,
        ) from error
    itemsize = ITEM_BYTES.get(found.dtype)
    if itemsize is None:
        raise DtypeError(
            f"`{name}` must hold bools, integers, float16, bfloat16, float32 or float64 (got "
            f"dtype {found.dtype})",
            dtype=found.dtype,
        )
    steps = contiguous_steps(found.shape)
    if found.strides is not None:
        if any(stride % itemsize for stride in found.strides):
            raise DtypeError(
                f"`{name}` must have strides of whole elements (got strides {found.strides} in "
                f"bytes for dtype {found.dtype}); copy it first",
                strides=found.strides,
            )
        steps = tuple(stride // itemsize for stride in found.strides)
    device = _device_of(found.pointer) if found.device is None else found.device
    return GpuArray(
        owner, found.pointer, found.shape, steps, found.dtype, device, found.stream,
        library or Numba(),
    )  # fmt: skip


def _view(interface: dict[str, Any], owner: Any) -> Any:
    """Make a device array of one axis of memory that somebody else owns."""
    if not IS_SIMULATED:
        return cuda.from_cuda_array_interface(interface, owner=owner, sync=False)
    from bnas.binops.cuda.simulated import view_memory

    return view_memory(interface, owner)


def _device_of(pointer: int) -> int:
    """Number of the GPU that memory lies on; the current one's if the driver does not know it."""
    if IS_SIMULATED:
        return 0
    from numba.cuda.cudadrv.driver import binding as driver

    current = int(cuda.get_current_device().id)
    attribute = driver.CUpointer_attribute.CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL
    error, device = driver.cuPointerGetAttribute(attribute, pointer)
    return current if int(error) else int(device)


def capability_of(array: GpuArray) -> tuple[int, int]:
    """Compute capability of the GPU on which an array lives, as (9, 0)."""
    return gpu_capability(array.device)


def gpu_capability(device: int) -> tuple[int, int]:
    """Compute capability of a GPU by its number, as (9, 0); (0, 0) in the simulator."""
    if IS_SIMULATED:
        return (0, 0)
    major, minor = cuda.gpus[device].compute_capability
    return int(major), int(minor)


def processors_of(array: GpuArray) -> int:
    """Number of multiprocessors of the GPU on which an array lives."""
    return MOST_PROCESSORS if IS_SIMULATED else int(cuda.gpus[array.device].MULTIPROCESSOR_COUNT)


@contextmanager
def using(arrays: dict[str, GpuArray]) -> Iterator[Any]:
    """Make the GPU of arrays the current one, and give the stream to queue on.

    Args:
        arrays: By the names of the arguments; at least one. The first decides; a stream of another
            one is waited for if it is not the same.

    Yields:
        Numba's stream.

    Raises:
        DeviceError: They live on several GPUs.
        BackendUnavailableError: The GPU or its driver gave up; with the driver's words.
    """
    first = next(iter(arrays.values()))
    if len({array.device for array in arrays.values()}) > 1:
        places = ", ".join(f"`{name}` on GPU {array.device}" for name, array in arrays.items())
        raise DeviceError(f"all arrays must live on one GPU (got {places}); move one of them")
    if IS_SIMULATED:
        yield 0
        return
    with gpu_errors(), cuda.gpus[first.device]:
        for handle in {array.stream for array in arrays.values()} - {first.stream}:
            (cuda.external_stream(handle) if handle else cuda.default_stream()).synchronize()
        yield cuda.external_stream(first.stream) if first.stream else 0


@contextmanager
def gpu_errors() -> Iterator[None]:
    """Turn what Numba, or the library by which it launches, says of a GPU into one error.

    Raises:
        BackendUnavailableError: The GPU or its driver gave up; with the driver's words.
    """
    if IS_SIMULATED:
        yield
        return
    from numba.cuda.cudadrv.driver import CudaAPIError
    from numba.cuda.cudadrv.error import CudaDriverError, CudaSupportError

    try:
        yield
    except Exception as error:
        # Launches go through the library cuda.core, whose errors have no public name.
        is_numba_s = isinstance(error, (CudaAPIError, CudaDriverError, CudaSupportError))
        if not is_numba_s and not type(error).__module__.startswith("cuda."):
            raise
        raise BackendUnavailableError(
            f"the GPU could not be used: {error}", name="cuda", reason=str(error)
        ) from error
