"""`Program`: a packed network compiled for one image size."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator, Mapping

import numpy as np
from attrs import frozen

from bnas.binops import tape
from bnas.binops import threads as _threads
from bnas.cells import Graph
from bnas.zoo.parameters import Parameters
from bnas.zoo.program.emitter import emit
from bnas.zoo.program.memory import plan_memory
from bnas.zoo.program.workspace import Workspace
from bnas.zoo.program.writer import Writer

#: Images that run through an operation together, so that small planes fill vectors and weights are
#: read once for all of them ...
_IMAGES_TOGETHER = 4
#: ... unless their floats then take more than this many bytes.
_BYTES_TOGETHER = 8 * 2**20


@frozen
class Tap:
    """A value that `Program.trace` shows.

    Attributes:
        rows: Where it is.
        size: Its height and width, pixels.
        end: Operations after which it is there.
    """

    rows: tape.Rows
    size: tuple[int, int]
    end: int


@frozen(eq=False)
class Signs:
    """Bits that `Program.bits` shows.

    Attributes:
        planes: Where they are.
        shape: (C, H, W).
        end: Operations after which they are there.
    """

    planes: tape.PlaneSet
    shape: tuple[int, int, int]
    end: int


class Program:
    """A tape with planned memory.

    Memory is kept from call to call, and grows where a call needs more: for more threads, and once
    for images that go together, where before every thread had one at a time. Calls from several
    threads take turns.

    Args:
        graph: The pruned graph.
        parameters: Its parameters.
        input_size: Height and width of the images in pixels.

    Raises:
        GraphError: The network cannot take images of this size.
    """

    def __init__(self, graph: Graph, parameters: Parameters, input_size: tuple[int, int]) -> None:
        self.input_size = input_size
        emitted = emit(graph, parameters, input_size)
        output, taps, shapes = emitted.output, emitted.taps, emitted.shapes
        isa = tape.best_isa()
        row = tape.TapeBuilder(isa).row_floats
        sizes = {name: c * row(h * w) for name, (c, h, w) in shapes.items()}
        plan = plan_memory(emitted.steps, sizes, [output])
        together = _BYTES_TOGETHER // max(1, plan.bytes_per_image)
        builder = tape.TapeBuilder(isa, max(1, min(_IMAGES_TOGETHER, together)))
        writer = Writer(builder, emitted.steps, shapes, plan)
        del emitted  # The steps hold weights: the writer is to be the last that has them.
        writer.write(output)
        self._classes = output.stop
        self._taps = {
            label: Tap(writer.rows(place), shapes[place.buffer][1:], writer.ends[count])
            for label, (place, count) in taps.items()
        }
        self._signs = {
            name: Signs(planes, shapes[name], writer.last_writes.get(name, 0))
            for name, planes in writer.planes.items()
        }
        self._workspace = Workspace(builder.build(), writer.main)
        self._turn = threading.Lock()

    @property
    def bytes_per_thread(self) -> int:
        """Bytes that calls take for every thread they run on: less until images go together."""
        return self._workspace.bytes_per_lane

    @property
    def images_together(self) -> int:
        """Most images that a thread takes through every operation at a time."""
        return self._workspace.images_together

    def run(self, images: np.ndarray, threads: int | None = None) -> np.ndarray:
        """Return the logits (N, classes) of images, float32 (N, 3, H, W)."""
        logits = np.empty((len(images), self._classes), np.float32)
        lanes = min(_threads.resolve(threads), len(images))
        if lanes:
            together = -(-len(images) // lanes)
            with self._turn:
                self._workspace.run(_ports(images, logits), len(images), lanes, together=together)
        return logits

    def trace(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Return the value of every tap, float32 (N, C, H, W), and the ``logits``."""
        logits = np.empty((len(images), self._classes), np.float32)
        results = {
            label: np.empty((len(images), tap.rows.channels, *tap.size), np.float32)
            for label, tap in self._taps.items()
        }
        ends = {label: tap.end for label, tap in self._taps.items()}
        for chosen, label in self._paused(images, logits, ends):
            results[label][chosen] = self._floats(self._taps[label], chosen.stop - chosen.start)
        return {**results, "logits": logits}

    def bits(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Return the signs that the binary convolutions read, int8 (N, C, H, W), by name."""
        logits = np.empty((len(images), self._classes), np.float32)
        results = {
            name: np.empty((len(images), *signs.shape), np.int8)
            for name, signs in self._signs.items()
        }
        ends = {name: signs.end for name, signs in self._signs.items()}
        for chosen, name in self._paused(images, logits, ends):
            signs = self._unpacked(self._signs[name], chosen.stop - chosen.start)
            results[name][chosen] = signs[:, : results[name].shape[1]]
        return results

    # Looking into the memory between operations

    def _paused(
        self, images: np.ndarray, logits: np.ndarray, ends: Mapping[str, int]
    ) -> Iterator[tuple[slice, str]]:
        """Run a few images at a time; yield these and each name once its operations are done."""
        together = self.images_together
        run = functools.partial(self._workspace.run, together=together)
        with self._turn:
            for start in range(0, len(images), together):
                chosen = slice(start, min(len(images), start + together))
                ports = _ports(images[chosen], logits[chosen])
                count, done = chosen.stop - start, 0
                for name in sorted(ends, key=lambda name: ends[name]):
                    run(ports, count, ops=(done, ends[name]))
                    done = ends[name]
                    yield chosen, name
                run(ports, count, ops=(done, self._workspace.main))

    def _floats(self, tap: Tap, images: int) -> np.ndarray:
        rows = tap.rows
        parts = []
        for image in range(images):
            memory = self._workspace.memory(rows.at, image)
            values = memory[: rows.channels * rows.row].view(np.float32)
            parts.append(values.reshape(rows.channels, -1)[:, : rows.length])
        return np.array(parts).reshape(images, rows.channels, *tap.size)

    def _unpacked(self, signs: Signs, images: int) -> np.ndarray:
        planes = signs.planes
        height, width = planes.layout.in_size
        count, step = planes.layout.groups, planes.group_bytes
        parts = []
        for image in range(images):
            memory = self._workspace.memory(planes.pixels(), image)
            groups = [memory[g * step : g * step + height * width] for g in range(count)]
            parts.append(np.unpackbits(np.array(groups)[:, None], axis=1, bitorder="little")[:, :4])
        return np.array(parts).reshape(images, -1, height, width).astype(np.int8) * 2 - 1


def _ports(images: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Return the addresses of what a run reads and writes, and the bytes between images."""
    arrays = (images, logits)
    return np.array([(array.ctypes.data, array.strides[0]) for array in arrays], np.int64)
