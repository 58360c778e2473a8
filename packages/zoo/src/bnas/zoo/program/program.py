"""`Program`: a packed network compiled for one image size."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping

import numpy as np

from bnas.binops import tape
from bnas.binops import threads as _threads
from bnas.cells import Graph
from bnas.zoo.parameters import Parameters
from bnas.zoo.program.emitter import emit
from bnas.zoo.program.memory import plan_memory
from bnas.zoo.program.steps import Place
from bnas.zoo.program.writer import Writer

#: Images that run through an operation together, so that small planes fill vectors and weights are
#: read once for all of them ...
_IMAGES_TOGETHER = 4
#: ... unless their floats then take more than this many bytes.
_BYTES_TOGETHER = 8 * 2**20


class Program:
    """A tape with planned memory.

    The memory of the last call is kept for the next one; calls from several threads take turns.

    Args:
        graph: The pruned graph.
        parameters: Its parameters.
        input_size: Height and width of the images in pixels.

    Raises:
        GraphError: The network cannot take images of this size.
    """

    def __init__(self, graph: Graph, parameters: Parameters, input_size: tuple[int, int]) -> None:
        self.input_size = input_size
        self._emitted = emit(graph, parameters, input_size)
        shapes = self._emitted.shapes
        isa = tape.best_isa()
        row = tape.TapeBuilder(isa).row_floats
        sizes = {name: c * row(h * w) for name, (c, h, w) in shapes.items()}
        plan = plan_memory(self._emitted.steps, sizes, [self._emitted.output])
        together = _BYTES_TOGETHER // max(1, plan.bytes_per_image)
        builder = tape.TapeBuilder(isa, max(1, min(_IMAGES_TOGETHER, together)))
        self._writer = Writer(builder, self._emitted.steps, shapes, plan)
        self._writer.write(self._emitted.output)
        self._tape = builder.build()
        self._arena = self._new_arena(1)
        self._turn = threading.Lock()

    @property
    def bytes_per_thread(self) -> int:
        """Bytes that a call takes for every thread it runs on."""
        return self._tape.arena_bytes

    @property
    def images_together(self) -> int:
        """Images that a thread takes through every operation at a time."""
        return self._tape.images

    def run(self, images: np.ndarray, threads: int | None = None) -> np.ndarray:
        """Return the logits (N, classes) of images, float32 (N, 3, H, W)."""
        logits = np.empty((len(images), self._emitted.output.stop), np.float32)
        workers = min(_threads.resolve(threads), len(images))
        if workers:
            with self._turn:
                arena = self._arena_for(workers)
                ports, ops = _ports(images, logits), (0, self._writer.main)
                self._tape.run(arena, ports, len(images), workers, ops=ops)
        return logits

    def trace(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Return the value of every tap, float32 (N, C, H, W), and the ``logits``."""
        taps = self._emitted.taps
        ends = {label: self._writer.ends[count] for label, (_, count) in taps.items()}
        logits = np.empty((len(images), self._emitted.output.stop), np.float32)
        results = {
            label: np.empty((len(images), place.stop - place.start, *self._size(place)), np.float32)
            for label, (place, _) in taps.items()
        }
        for chosen, label in self._paused(images, logits, ends):
            results[label][chosen] = self._floats(taps[label][0], chosen.stop - chosen.start)
        return {**results, "logits": logits}

    def bits(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Return the signs that the binary convolutions read, int8 (N, C, H, W), by name."""
        writer = self._writer
        ends = {name: writer.last_write(name) for name in writer.planes}
        logits = np.empty((len(images), self._emitted.output.stop), np.float32)
        results = {
            name: np.empty((len(images), *self._emitted.shapes[name]), np.int8) for name in ends
        }
        for chosen, name in self._paused(images, logits, ends):
            signs = self._signs(name, chosen.stop - chosen.start)
            results[name][chosen] = signs[:, : results[name].shape[1]]
        return results

    def _arena_for(self, lanes: int) -> np.ndarray:
        if len(self._arena) < lanes:
            self._arena = self._new_arena(lanes)
        return self._arena

    def _new_arena(self, lanes: int) -> np.ndarray:
        """Allocate an arena, and make the bits in it that are the same for every image."""
        arena = self._tape.arena(lanes)
        once = (self._writer.main, len(self._tape))
        if once[0] < once[1]:
            nowhere = np.zeros((2, 2), np.int64)
            for lane in range(lanes):
                self._tape.run(arena[lane : lane + 1], nowhere, self._tape.images, ops=once)
        return arena

    # Looking into the memory between operations

    def _paused(
        self, images: np.ndarray, logits: np.ndarray, ends: Mapping[str, int]
    ) -> Iterator[tuple[slice, str]]:
        """Run a few images at a time; yield these and each name once its operations are done."""
        with self._turn:
            arena = self._arena_for(1)
            for start in range(0, len(images), self._tape.images):
                chosen = slice(start, min(len(images), start + self._tape.images))
                ports = _ports(images[chosen], logits[chosen])
                count, done = chosen.stop - start, 0
                for name in sorted(ends, key=lambda name: ends[name]):
                    self._tape.run(arena, ports, count, ops=(done, ends[name]))
                    done = ends[name]
                    yield chosen, name
                self._tape.run(arena, ports, count, ops=(done, self._writer.main))

    def _size(self, place: Place) -> tuple[int, int]:
        _, height, width = self._emitted.shapes[place.buffer]
        return height, width

    def _memory(self, at: tape.Pointer, image: int) -> np.ndarray:
        """The bytes of the first lane from a place on."""
        lane = self._arena[0]
        return lane[-lane.ctypes.data % 64 + at.offset + image * at.step :]

    def _floats(self, place: Place, images: int) -> np.ndarray:
        rows = self._writer.rows(place)
        parts = []
        for image in range(images):
            values = self._memory(rows.at, image)[: rows.channels * rows.row].view(np.float32)
            parts.append(values.reshape(rows.channels, -1)[:, : rows.length])
        return np.array(parts).reshape(images, rows.channels, *self._size(place))

    def _signs(self, name: str, images: int) -> np.ndarray:
        planes = self._writer.planes[name]
        height, width = planes.layout.in_size
        count, step = planes.layout.groups, planes.group_bytes
        parts = []
        for image in range(images):
            memory = self._memory(planes.pixels(), image)
            groups = [memory[g * step : g * step + height * width] for g in range(count)]
            parts.append(np.unpackbits(np.array(groups)[:, None], axis=1, bitorder="little")[:, :4])
        return np.array(parts).reshape(images, -1, height, width).astype(np.int8) * 2 - 1


def _ports(images: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Return the addresses of what a run reads and writes, and the bytes between images."""
    arrays = (images, logits)
    return np.array([(array.ctypes.data, array.strides[0]) for array in arrays], np.int64)
