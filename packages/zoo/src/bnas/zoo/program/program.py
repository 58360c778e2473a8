"""`Program`: a packed network compiled for one image size."""

from __future__ import annotations

import threading

import numpy as np

from bnas.cells import Graph
from bnas.zoo.parameters import Parameters
from bnas.zoo.program.emitter import emit
from bnas.zoo.program.memory import plan_memory
from bnas.zoo.program.steps import Frame

#: Larger batches run in parts, so that the float buffers stay below this many bytes.
_BUFFER_BYTES = 64 * 2**20


class Program:
    """Steps with planned buffers.

    The buffers of the last batch size are kept for the next call; calls from several threads take
    turns.

    Args:
        graph: The pruned graph.
        parameters: Its parameters.
        input_size: Height and width of the images in pixels.

    Raises:
        GraphError: The network cannot take images of this size.
    """

    def __init__(self, graph: Graph, parameters: Parameters, input_size: tuple[int, int]) -> None:
        self.input_size = input_size
        self._input = graph.input.name
        self._emitted = emit(graph, parameters, input_size)
        shapes = graph.shapes(input_size)
        self._plan = plan_memory(self._emitted.steps, shapes, [self._emitted.output])
        self._shapes = shapes
        self._buffers: dict[str, np.ndarray] = {}
        self._batch = 0
        self._turn = threading.Lock()

    @property
    def bytes_per_image(self) -> int:
        """Bytes of float buffers for one image."""
        return self._plan.bytes_per_image

    def run(self, images: np.ndarray, threads: int | None = None) -> np.ndarray:
        """Return the logits (N, classes) of images, float32 (N, 3, H, W)."""
        return self._run(images, threads, trace=False)["logits"]

    def trace(self, images: np.ndarray, threads: int | None = None) -> dict[str, np.ndarray]:
        """Return the value of every tap, float32 (N, C, H, W), and the ``logits``."""
        return self._run(images, threads, trace=True)

    def _run(
        self, images: np.ndarray, threads: int | None, *, trace: bool
    ) -> dict[str, np.ndarray]:
        part = max(1, _BUFFER_BYTES // max(1, self.bytes_per_image))
        results = self._empty_results(len(images), trace)
        with self._turn:
            for start in range(0, len(images), part):
                chosen = slice(start, start + part)
                outputs = {name: values[chosen] for name, values in results.items()}
                self.execute(images[chosen], outputs, threads)
        return results

    def _empty_results(self, images: int, trace: bool) -> dict[str, np.ndarray]:
        places = {name: place for name, (place, _) in self._emitted.taps.items()} if trace else {}
        results = {
            name: np.empty(
                (images, place.stop - place.start, *self._shapes[place.buffer][1:]), np.float32
            )
            for name, place in places.items()
        }
        output = self._emitted.output
        results["logits"] = np.empty((images, output.stop - output.start), np.float32)
        return results

    def execute(
        self, images: np.ndarray, outputs: dict[str, np.ndarray], threads: int | None = None
    ) -> Frame:
        """Run every step on one batch.

        Args:
            images: float32 (N, 3, H, W).
            outputs: Label of a tap, or ``logits`` -> array that its value is copied to.
            threads: Threads to use; None takes Numba's number.

        Returns:
            The frame after the last step, with the bits of every sign; its buffers are reused.
        """
        frame = Frame({**self._buffers_for(len(images)), self._input: images}, threads=threads)
        taps = self._emitted.taps
        due: dict[int, list[str]] = {}
        for label in outputs.keys() & taps.keys():
            due.setdefault(taps[label][1], []).append(label)
        for index in range(len(self._emitted.steps) + 1):
            for label in due.get(index, ()):
                outputs[label][...] = frame.view(taps[label][0])
            if index < len(self._emitted.steps):
                self._emitted.steps[index].run(frame)
        outputs["logits"][...] = frame.view(self._emitted.output)[:, :, 0, 0]
        return frame

    def _buffers_for(self, images: int) -> dict[str, np.ndarray]:
        if images != self._batch:
            self._buffers = self._plan.allocate(images)
            self._batch = images
        return self._buffers
