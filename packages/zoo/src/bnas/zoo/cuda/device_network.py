"""`DeviceNetwork`: a packed network on a GPU."""

from __future__ import annotations

from typing import Any

from numba import cuda

from bnas.binops.arrays import is_on_gpu
from bnas.binops.cuda.arrays import GpuArray, as_gpu_array, using
from bnas.cells import Spec
from bnas.zoo.cards import Card
from bnas.zoo.cuda.device_program import DeviceProgram
from bnas.zoo.errors import DeviceError, ImagesError
from bnas.zoo.network import PackedNetwork
from bnas.zoo.parameters import Parameters


class DeviceNetwork(PackedNetwork):
    """A packed network whose layers all run on a GPU.

    What it needs for a size of images and a batch is made the first time, which takes long, and
    kept for the last few of each.

    Attributes:
        device: Number of the GPU.
    """

    def __init__(
        self, spec: Spec, parameters: Parameters, card: Card | None = None, *, device: int = 0
    ) -> None:
        """Check that there is such a GPU.

        Raises:
            DeviceError: There is not.
        """
        if device >= len(cuda.gpus):
            raise DeviceError(
                f"`device` must be one of the {len(cuda.gpus)} GPUs here, from cuda:0 on "
                f"(got cuda:{device})",
                device=device,
            )
        super().__init__(spec, parameters, card)
        self.device = device

    def __call__(self, images: Any, *, threads: int | None = None) -> Any:
        """Return the logits, float32 (N, classes).

        Args:
            images: Normalised images, float32 (N, 3, H, W): in host memory, or on this GPU.
            threads: Does not matter here.

        Returns:
            A NumPy array, or one of the library of `images` if these are on the GPU. That is not
            waited for: use it on the same stream. NaN and infinity are not looked for there.

        Raises:
            ImagesError: Another shape or dtype, a size the network cannot take, NaN or infinity.
            DeviceError: The images are on another GPU.
        """
        if not is_on_gpu(images):
            return super().__call__(images)
        array = as_gpu_array(images, "images")
        self._check_on_device(array)
        program = self._device_program(array.shape[2:])
        with using({"images": array}) as stream:
            logits = array.empty((array.shape[0], program.classes), "float32")
            program.run_on_device(array, logits, stream)
        return logits.owner

    def to(self, device: str) -> PackedNetwork:
        """Return the same network on another device: see `PackedNetwork.to`."""
        host = PackedNetwork(self.spec, self.parameters, self.card)
        moved = host.to(device)
        is_same = isinstance(moved, DeviceNetwork) and moved.device == self.device
        return self if is_same else moved

    def __repr__(self) -> str:
        """Say what it is, how large, and where."""
        return f"{super().__repr__()[:-1]}, on cuda:{self.device})"

    def _compiled(self, size: tuple[int, int]) -> Any:
        return DeviceProgram(self.parameters.graph, self.parameters, size, self.device)

    def _device_program(self, size: tuple[int, ...]) -> DeviceProgram:
        program: Any = self.program(*size)
        assert isinstance(program, DeviceProgram)
        return program

    def _check_on_device(self, array: GpuArray) -> None:
        """Refuse images that kernels cannot read as they are."""
        shape = array.shape
        if len(shape) != 4 or shape[1] != 3:
            raise ImagesError(f"`images` must have shape (N, 3, H, W) (got {shape})", shape=shape)
        if array.dtype != "float32" or not array.is_contiguous:
            order = "in C order" if array.is_contiguous else "in another order than C's"
            raise ImagesError(
                f"`images` on a GPU must be normalised float32 in C order (got {array.dtype} "
                f"{order}); convert or copy them there",
                shape=shape,
            )
        if array.device != self.device:
            raise DeviceError(
                f"`images` must be on the GPU of the network, cuda:{self.device} (got "
                f"cuda:{array.device})",
                device=array.device,
            )
