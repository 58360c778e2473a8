"""`PackedNetwork`: a network with 1-bit weights that answers without torch."""

from __future__ import annotations

import os
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt
from attrs import frozen

from bnas.cells import NORMALIZATIONS, GraphError, Spec, cost
from bnas.zoo.cards import Card
from bnas.zoo.devices import gpu_number
from bnas.zoo.errors import ImagesError
from bnas.zoo.images import ImageSource, prepare_batch
from bnas.zoo.parameters import Parameters
from bnas.zoo.preprocessing import Preprocessing
from bnas.zoo.program.program import Program
from bnas.zoo.weights_file import WeightsHeader, write_weights

if TYPE_CHECKING:
    from bnas.cells.nn import Network

#: Compiled programs, one per image size, that a network keeps.
_KEPT_PROGRAMS = 4


@frozen
class Prediction:
    """One answer of a classifier.

    Attributes:
        label: Name of the class.
        index: Its number.
        confidence: Softmax of the logits, 0 to 1.
    """

    label: str
    index: int
    confidence: float


def check_top(top: object) -> None:
    """Refuse a number of classes below 1.

    Raises:
        ImagesError: It is.
    """
    if not isinstance(top, int) or top < 1:
        raise ImagesError(f"`top` must be an integer of at least 1 (got {top!r})")


def likeliest(logits: np.ndarray, top: int) -> np.ndarray:
    """Return the classes with the largest logits, the largest first; of equals the first class.

    Args:
        logits: Float (N, classes).
        top: How many of each; at most all.

    Returns:
        Integers (N, min(top, classes)).
    """
    order: np.ndarray = np.argsort(-logits, axis=1, kind="stable")[:, :top]
    return order


class PackedNetwork:
    """A network whose binary layers run on packed bits.

    Attributes:
        spec: The network's specification.
        parameters: Packed weights and real parameters.
        card: Where the weights come from, if known.
    """

    def __init__(self, spec: Spec, parameters: Parameters, card: Card | None = None) -> None:
        self.spec = spec
        self.parameters = parameters
        self.card = card
        self._programs: OrderedDict[tuple[int, int], Program] = OrderedDict()

    @overload
    def __call__(
        self, images: np.ndarray, *, threads: int | None = None
    ) -> npt.NDArray[np.float32]: ...
    @overload
    def __call__(self, images: Any, *, threads: int | None = None) -> Any: ...
    def __call__(self, images: Any, *, threads: int | None = None) -> Any:
        """Classify.

        Args:
            images: Normalised images, float32 (N, 3, H, W); arrays and CPU tensors alike.
            threads: Threads to use; None takes Numba's number. The result does not depend on it.

        Returns:
            The logits, float32 (N, classes).

        Raises:
            ImagesError: Another shape or dtype, a size the network cannot take, NaN or infinity.
        """
        array = self._check(images)
        return self.program(*array.shape[2:]).run(array, threads)

    def trace(self, images: Any) -> dict[str, np.ndarray]:
        """Return what every stage puts out: ``stem``, ``cell_00``, …, and the ``logits``.

        Args:
            images: As for a call, float32 (N, 3, H, W).

        Returns:
            float32 (N, C, H', W') of a stage, float32 (N, classes) of the logits.

        Raises:
            ImagesError: As for a call.
        """
        array = self._check(images)
        return self.program(*array.shape[2:]).trace(array)

    def predict(self, image: ImageSource, top: int = 5) -> tuple[Prediction, ...]:
        """Classify one photo.

        Args:
            image: Path of a JPEG, PNG or WebP file, a PIL image, or uint8 pixels (H, W, 3).
            top: How many classes to return, the likeliest first; at most all.

        Raises:
            ImageError: No photo, or none that can be read.
            ValueError: `top` is below 1.
        """
        check_top(top)
        (found,) = self.rank(self(prepare_batch([image], self.preprocessing)), top)
        return found

    def rank(self, logits: np.ndarray, top: int = 5) -> list[tuple[Prediction, ...]]:
        """Name the likeliest classes.

        Args:
            logits: Float32 (N, classes).
            top: How many classes of each, the likeliest first; at most all.

        Raises:
            ValueError: `top` is below 1.
        """
        check_top(top)
        shifted = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
        confidences = shifted / shifted.sum(axis=1, keepdims=True)
        order = likeliest(logits, top)
        return [
            tuple(
                Prediction(self.label(int(index)), int(index), float(own[index]))
                for index in indices
            )
            for own, indices in zip(confidences, order, strict=True)
        ]

    def label(self, index: int) -> str:
        """Return the name of a class; its number, if the classes have no names."""
        return self.card.label(index) if self.card is not None else f"class {index}"

    @property
    def preprocessing(self) -> Preprocessing:
        """How photos are resized and normalised: as the card says, else the template's way."""
        return default_preprocessing(self.spec) if self.card is None else self.card.preprocessing

    @property
    def binary_weight_bytes(self) -> int:
        """Bytes of all 1-bit weights."""
        tensors = self.parameters.tensors.values()
        return sum(tensor.nbytes for tensor in tensors if tensor.dtype == np.uint8)

    @property
    def real_parameter_bytes(self) -> int:
        """Bytes of everything that is not 1 bit, as held."""
        tensors = self.parameters.tensors.values()
        return sum(tensor.nbytes for tensor in tensors if tensor.dtype != np.uint8)

    @property
    def float_bytes(self) -> int:
        """Bytes of all parameters of the specification in float32."""
        return cost(self.spec).params * np.dtype(np.float32).itemsize

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the weights file: specification, card and tensors, nothing lost; atomic.

        Args:
            path: The file; by convention it ends in ``.safetensors``.

        Raises:
            SaveError: The file cannot be written; what was there before is intact.
        """
        write_weights(path, self.parameters.tensors, WeightsHeader(spec=self.spec, card=self.card))

    def to(self, device: str) -> PackedNetwork:
        """Return the same network on another device; the parameters are shared.

        On a GPU it also takes images that are there already, of torch, CuPy or Numba: float32
        (N, 3, H, W) in C order. It then returns the logits in an array of the same library, and
        queues all work on the stream that the library uses now, without waiting for it.

        Args:
            device: "cpu", "cuda", which is the first GPU, or "cuda:N".

        Raises:
            DeviceError: There is no such device.
            BackendUnavailableError: GPUs cannot be used here.
        """
        number = gpu_number(device)
        if number is None:
            return self
        from bnas.zoo.cuda.device_network import DeviceNetwork

        return DeviceNetwork(self.spec, self.parameters, self.card, device=number)

    def to_torch(self, *, num_classes: int | None = None, seed: int = 0) -> Network:
        """Return the same network as a torch module in evaluation mode.

        Latent weights are the ±scale of their bits, so it can be trained on. With `num_classes` it
        is fine-tuned to other classes: all layers but the classifier are those of this network.

        Args:
            num_classes: Classes of a new classifier: weights drawn from ±1 / sqrt(features), bias
                0. None keeps the network's own.
            seed: Seed of the new classifier; torch's own generator is neither read nor changed.

        Raises:
            ParametersError: No such number of classes or seed, or a network given by its graph.
            ImportError: torch is not installed.
        """
        from bnas.zoo.torch_bridge import to_module

        return to_module(self.spec, self.parameters, num_classes, seed)

    def __repr__(self) -> str:
        """Say what it is and how large."""
        name = self.card.full_name if self.card is not None else "custom network"
        size = self.binary_weight_bytes + self.real_parameter_bytes
        return (
            f"PackedNetwork({name}: {size / 1e6:.2f} MB, float32 {self.float_bytes / 1e6:.2f} MB)"
        )

    def _check(self, images: Any) -> np.ndarray:
        array = np.asarray(images)
        if array.ndim != 4 or array.shape[1] != 3:
            raise ImagesError(
                f"`images` must have shape (N, 3, H, W) (got {array.shape})", shape=array.shape
            )
        if array.dtype.kind != "f":
            raise ImagesError(
                "`images` must be normalised floats; `predict` takes photos "
                f"(got dtype {array.dtype})"
            )
        array = np.ascontiguousarray(array, np.float32)
        if not np.isfinite(array).all():
            raise ImagesError("`images` must hold finite numbers (got NaN or infinity)")
        return array

    def program(self, height: int, width: int) -> Program:
        """Return the compiled program for images of this size in pixels, made on first use.

        Raises:
            ImagesError: The network cannot take images of this size.
        """
        size = (height, width)
        if size not in self._programs:
            try:
                program = self._compiled(size)
            except GraphError as error:
                raise ImagesError(
                    f"images of {height}x{width} pixels do not fit the network: {error}",
                    shape=size,
                ) from error
            self._programs[size] = program
            while len(self._programs) > _KEPT_PROGRAMS:
                self._programs.popitem(last=False)
        self._programs.move_to_end(size)
        return self._programs[size]

    def _compiled(self, size: tuple[int, int]) -> Program:
        return Program(self.parameters.graph, self.parameters, size)


def default_preprocessing(spec: Spec) -> Preprocessing:
    """Return how photos are prepared where no card says it: as the template's were."""
    colours = NORMALIZATIONS[spec.template]
    size = spec.input_size
    # ImageNet's way: the short side to 256 for 224, then the centre.
    resize = size if spec.template == "cifar" else size * 8 // 7
    return Preprocessing(size=size, resize=resize, mean=colours.mean, std=colours.std)
