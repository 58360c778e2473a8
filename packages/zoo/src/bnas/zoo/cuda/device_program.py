"""`DeviceProgram`: a packed network compiled for a GPU and one image size."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from attrs import evolve
from numba import cuda

from bnas.binops.cuda.arrays import IS_SIMULATED, GpuArray, gpu_capability, gpu_errors
from bnas.cells import Graph
from bnas.zoo.cuda.arenas import ArenaPlan
from bnas.zoo.cuda.batch_plan import BatchPlan, last_writes
from bnas.zoo.cuda.device_weights import DeviceWeights
from bnas.zoo.cuda.whole_words import pack_whole_words
from bnas.zoo.parameters import Parameters
from bnas.zoo.program.emitter import Emitted, emit
from bnas.zoo.program.steps import Copy, Place

#: Batches of different sizes whose plans are kept.
_KEPT_PLANS = 4
#: Elements of an array: kernels count them in 32 bits.
MOST_ELEMENTS = 2**31 - 1
#: Part of the free memory that a plan may take: cuDNN and the caller want some too.
_SHARE = 0.8
#: Values of an image beside the arenas: three channels.
_INPUT_CHANNELS = 3


class DeviceProgram:
    """Launches with planned memory; like `bnas.zoo.program.program.Program`, on a GPU.

    Calls from several threads take turns.

    Args:
        graph: The pruned graph.
        parameters: Its parameters.
        input_size: Height and width of the images in pixels.
        device: Number of the GPU.

    Raises:
        GraphError: The network cannot take images of this size.
    """

    def __init__(
        self, graph: Graph, parameters: Parameters, input_size: tuple[int, int], device: int = 0
    ) -> None:
        """Compile and plan."""
        self.input_size = input_size
        emitted = _with_own_output(emit(graph, parameters, input_size))
        self._steps, reached = pack_whole_words(emitted.steps, emitted.shapes)
        self._output = emitted.output
        self._taps = {label: (place, reached[end]) for label, (place, end) in emitted.taps.items()}
        self._signs = last_writes(self._steps)
        self._plan = ArenaPlan.of(self._steps, emitted.shapes, emitted.output)
        self._batches: OrderedDict[int, BatchPlan] = OrderedDict()
        #: Images of a batch, once there have been more than fit the memory.
        self._limit: int | None = None
        self._turn = threading.Lock()
        self._gpu = cuda.gpus[device]
        with self._gpu:
            self._weights = DeviceWeights(gpu_capability(device))
            # 0 is the default stream: in the simulator there is no other.
            self._stream: Any = 0 if IS_SIMULATED else cuda.stream()

    @property
    def classes(self) -> int:
        """Number of logits."""
        return self._output.stop

    @property
    def bytes_per_image(self) -> int:
        """Bytes on the device for every image of a batch, beside the weights."""
        return self._plan.bytes_per_image + 4 * self._image_values

    def run(self, images: np.ndarray, threads: int | None = None) -> np.ndarray:
        """Return the logits (N, classes) of images, float32 (N, 3, H, W), in host memory.

        Args:
            images: In C order.
            threads: Does not matter here.
        """
        logits = np.empty((len(images), self.classes), np.float32)
        with self._turn, gpu_errors(), self._gpu:
            for chosen, batch in self._parts(len(images)):
                batch.wait(self._stream)
                self._load(batch, images[chosen])
                batch.run(self._stream)
                logits[chosen] = self._logits(batch)
                batch.finish(self._stream)
        return logits

    def run_on_device(self, images: GpuArray, logits: GpuArray, stream: Any) -> None:
        """Queue the network on a stream; nothing waits for it.

        Args:
            images: float32 (N, 3, H, W), in C order.
            logits: float32 (N, classes), is written.
            stream: Numba's, or 0.
        """
        source, target = images.memory("float32"), logits.memory("float32")
        with self._turn, gpu_errors(), self._gpu:
            for chosen, batch in self._parts(images.shape[0]):
                first, last = (end * self._image_values for end in (chosen.start, chosen.stop))
                batch.wait(stream)
                batch.images_array.copy_to_device(source[first:last], stream=stream)
                batch.run(stream)
                first, last = (end * self.classes for end in (chosen.start, chosen.stop))
                target[first:last].copy_to_device(batch.logits_array, stream=stream)
                batch.finish(stream)

    def trace(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Return the value of every tap, float32 (N, C, H, W), and the ``logits``."""
        ends = {label: end for label, (_, end) in self._taps.items()}
        logits = np.empty((len(images), self.classes), np.float32)
        results = {
            label: np.empty((len(images), *self._shape(place)), np.float32)
            for label, (place, _) in self._taps.items()
        }
        for chosen, batch, label in self._observed(images, ends):
            if label is None:
                logits[chosen] = self._logits(batch)
            else:
                results[label][chosen] = batch.floats(self._taps[label][0], self._stream)
        return {**results, "logits": logits}

    def bits(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Return the signs that the binary convolutions read, int8 (N, C, H, W), by name."""
        results = {
            name: np.empty((len(images), *self._plan.shapes[name]), np.int8) for name in self._signs
        }
        for chosen, batch, name in self._observed(images, self._signs):
            if name is not None:
                results[name][chosen] = batch.signs(name, self._stream)
        return results

    def _shape(self, place: Place) -> tuple[int, int, int]:
        """Channels, height and width of a place."""
        _, height, width = self._plan.shapes[place.buffer]
        return place.stop - place.start, height, width

    # Batches

    @property
    def _image_values(self) -> int:
        height, width = self.input_size
        return _INPUT_CHANNELS * height * width

    def _parts(self, images: int) -> Iterator[tuple[slice, BatchPlan]]:
        """Cut images into batches that fit the memory.

        All are of one size, for which there is one plan: the last may repeat images of the one
        before it.
        """
        if not images:
            return
        most = images
        if images not in self._batches:
            if self._limit is None and images > self._most_images():
                # Perhaps other plans are what takes the memory.
                self._batches.clear()
                self._limit = self._most_images()
            most = min(images, self._limit or images)
        for start in range(0, images, most):
            first = min(start, images - most)
            yield slice(first, first + most), self._batch(most)

    def _most_images(self) -> int:
        """Images that fit into the free memory; at least 1."""
        context = cuda.current_context()
        if not IS_SIMULATED:
            context.deallocations.clear()
        free = context.get_memory_info().free
        largest = max(self._plan.largest_arena, self._image_values)
        return max(1, int(min(MOST_ELEMENTS // largest, free * _SHARE // self.bytes_per_image)))

    def _batch(self, images: int) -> BatchPlan:
        """Return the plan for a number of images, made on first use."""
        if images not in self._batches:
            while len(self._batches) >= _KEPT_PLANS:
                self._batches.popitem(last=False)
            self._batches[images] = BatchPlan(
                self._steps, self._plan, self._weights, images, self._output
            )
        self._batches.move_to_end(images)
        return self._batches[images]

    # Copies

    def _load(self, batch: BatchPlan, images: np.ndarray) -> None:
        batch.images_array.copy_to_device(images.reshape(-1), stream=self._stream)

    def _logits(self, batch: BatchPlan) -> np.ndarray:
        values: np.ndarray = batch.logits_array.copy_to_host(stream=self._stream)
        if self._stream:
            self._stream.synchronize()
        return values.reshape(batch.images, self.classes)

    def _observed(
        self, images: np.ndarray, ends: Mapping[str, int]
    ) -> Iterator[tuple[slice, BatchPlan, str | None]]:
        """Run batch by batch; yield each name once its steps are done, and None in the end."""
        with self._turn, gpu_errors(), self._gpu:
            for chosen, batch in self._parts(len(images)):
                batch.wait(self._stream)
                self._load(batch, images[chosen])
                for name in batch.observed(ends, self._stream):
                    yield chosen, batch, name
                yield chosen, batch, None
                batch.finish(self._stream)


def _with_own_output(emitted: Emitted) -> Emitted:
    """Return a program whose logits are a whole buffer."""
    output = emitted.output
    classes = output.stop - output.start
    if emitted.shapes[output.buffer] == (classes, 1, 1):
        return emitted
    place = Place(f"{output.buffer}.logits", 0, classes)
    copy = Copy(reads=(output,), writes=(place,))
    shapes = {**emitted.shapes, place.buffer: (classes, 1, 1)}
    return evolve(emitted, steps=(*emitted.steps, copy), output=place, shapes=shapes)
