"""`BatchPlan`: a program on a GPU for a number of images, its memory and its graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numba import cuda

from bnas.binops.cuda import graph
from bnas.binops.cuda.arrays import IS_SIMULATED
from bnas.binops.cuda.graph import Queued
from bnas.zoo.cuda import torch_convolution
from bnas.zoo.cuda.arenas import ArenaPlan
from bnas.zoo.cuda.device_weights import DeviceWeights
from bnas.zoo.cuda.launch_writer import Arrays, LaunchWriter
from bnas.zoo.program import steps as kinds
from bnas.zoo.program.planes import written_bits
from bnas.zoo.program.steps import Place, Step


def is_constant(step: Step) -> bool:
    """Whether a step does the same for all images, so that once is enough."""
    return isinstance(step, kinds.Pack) and step.constant


class BatchPlan:
    """Launches for a number of images, and the arrays that they work in.

    Args:
        steps: The program.
        plan: Where values and bits lie.
        weights: What is on the device already.
        images: Number of images, at least 1.
        output: Where the logits are after the last step.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        plan: ArenaPlan,
        weights: DeviceWeights,
        images: int,
        output: Place,
    ) -> None:
        """Allocate, write the launches, and make the bits that are always the same."""
        self.images = images
        self._plan = plan
        (load,) = (step for step in steps if isinstance(step, kinds.Load))
        channels, height, width = plan.shapes[load.writes[0].buffer]
        self._arrays = Arrays(
            images=cuda.device_array(images * channels * height * width, np.float32),
            floats=cuda.device_array(max(1, plan.floats.size * images), np.float32),
            words=cuda.device_array(max(1, plan.words.size * images), np.uint32),
        )
        writer = LaunchWriter(plan, weights, self._arrays, images)
        every = writer.write([step for step in steps if not is_constant(step)])
        counts = np.cumsum([0, *(not is_constant(step) for step in steps)])
        #: For each number of steps, how many launches have then run at least.
        self.ends: list[int] = [every[count] for count in counts]
        self._launches = tuple(writer.launches)
        self._once = self._write_once(steps, writer)
        place = plan.float_place(output, images)
        self._logits = self._arrays.floats[place.at : place.at + images * place.channels]
        self._queue: Queued | None = None
        self._done = cuda.event()

    @property
    def images_array(self) -> Any:
        """Where the images go: a float32 device array of one axis, (N, 3, H, W) in C order."""
        return self._arrays.images

    @property
    def logits_array(self) -> Any:
        """Where the logits are after a run: a float32 device array of one axis, (N, classes)."""
        return self._logits

    def wait(self, stream: Any) -> None:
        """Let a stream wait until the last run, on whichever stream, is done with the memory."""
        self._done.wait(stream)

    def finish(self, stream: Any) -> None:
        """Note that all of a run, copies included, is queued on this stream."""
        self._done.record(stream)

    def run(self, stream: Any) -> None:
        """Queue all launches, as a graph."""
        if self._queue is None:
            self._queue = self._prepared()
        self._queue(stream)

    def observed(self, ends: Mapping[str, int], stream: Any) -> Iterator[str]:
        """Run launch by launch; yield each name once the steps are done that it waits for.

        Args:
            ends: Name -> number of steps.
            stream: Numba's.
        """
        self._make_constants()
        done = 0
        for name in sorted(ends, key=lambda name: ends[name]):
            for launch in self._launches[done : self.ends[ends[name]]]:
                launch(stream)
            done = max(done, self.ends[ends[name]])
            yield name
        for launch in self._launches[done:]:
            launch(stream)

    def floats(self, place: Place, stream: Any) -> np.ndarray:
        """Return what lies at a place, float32 (N, C, H, W), in host memory."""
        channels, height, width = self._plan.shapes[place.buffer]
        start = self._plan.float_place(place, self.images).at
        count = self.images * channels * height * width
        values = _to_host(self._arrays.floats[start : start + count], stream)
        pixels = values.reshape(self.images, height, width, channels)
        chosen = pixels[..., place.start : place.stop]
        return np.ascontiguousarray(chosen.transpose(0, 3, 1, 2))

    def signs(self, name: str, stream: Any) -> np.ndarray:
        """Return bits as int8 ±1 (N, C, H, W), in host memory."""
        channels, height, width = self._plan.shapes[name]
        place = self._plan.word_place(name, self.images)
        count = self.images * height * width * place.words
        words = _to_host(self._arrays.words[place.at : place.at + count], stream)
        rows = words.astype("<u4").reshape(self.images, height, width, place.words)
        bits = np.unpackbits(rows.view(np.uint8), axis=-1, bitorder="little")[..., :channels]
        return np.ascontiguousarray(bits.transpose(0, 3, 1, 2)).astype(np.int8) * 2 - 1

    def _write_once(self, steps: Sequence[Step], writer: LaunchWriter) -> tuple[Queued, ...]:
        """Write the comparisons of zeros."""
        begin = len(writer.launches)
        for step in filter(is_constant, steps):
            writer.write([kinds.Fill(writes=step.reads), step])
        return tuple(writer.launches[begin:])

    def _make_constants(self) -> None:
        """Make the bits that are always the same, unless they are there."""
        if self._once:
            for launch in self._once:
                launch(0)
            cuda.synchronize()
            self._once = ()

    def _prepared(self) -> Queued:
        """Record the launches."""

        def queue(stream: Any = 0) -> None:
            for launch in self._launches:
                launch(stream)

        self._make_constants()
        if IS_SIMULATED:
            return queue
        # Kernels are compiled and loaded, and cuDNN allocates, the first time that they run: that
        # cannot be recorded.
        warm = cuda.stream()
        queue(warm)
        warm.synchronize()
        capture = torch_convolution.capture if torch_convolution.is_usable() else graph.capture
        return capture(queue)


def last_writes(steps: Sequence[Step]) -> dict[str, int]:
    """Return, for the bits of every name, the number of steps after which they are complete."""
    found: dict[str, int] = {}
    for index, step in enumerate(steps):
        if is_constant(step):
            for name in written_bits(step):
                found.setdefault(name, 0)
        else:
            found |= dict.fromkeys(written_bits(step), index + 1)
    return found


def _to_host(array: Any, stream: Any) -> np.ndarray:
    """Copy to host memory what a stream makes."""
    values: np.ndarray = array.copy_to_host(stream=stream)
    if stream:
        stream.synchronize()
    return values
