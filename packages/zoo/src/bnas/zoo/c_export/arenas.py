"""Where the values of a C program lie: two static arrays, shared by what never coexists."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from attrs import frozen

from bnas.zoo.program.memory import MemoryPlan, place_buffers, plan_memory
from bnas.zoo.program.planes import lifetimes
from bnas.zoo.program.steps import Place, Step

Shape = tuple[int, int, int]


def words_of(channels: int) -> int:
    """Return the words of 32 bits that the signs of a pixel take."""
    return -(-channels // 32)


@frozen
class Arenas:
    """The plan of the memory. Pixel follows pixel, and all channels of one lie together.

    Floats and words are apart: one array for both would be read as what it was not written as,
    which C's aliasing rules forbid, and the bits are a small part.

    Attributes:
        shapes: Value or bits -> (C, H, W).
        live: Float buffer -> channels that it has here, trailing ones that nobody reads left out.
        floats: Where each float buffer begins, in floats.
        words: Where the bits of each name begin, in words.
    """

    shapes: Mapping[str, Shape]
    live: Mapping[str, int]
    floats: MemoryPlan
    words: MemoryPlan

    @classmethod
    def plan(
        cls,
        steps: Sequence[Step],
        shapes: Mapping[str, Shape],
        live: Mapping[str, int],
        output: Place,
    ) -> Arenas:
        """Plan the memory of a program.

        Args:
            steps: The program.
            shapes: Value or bits -> (C, H, W).
            live: Float buffer -> channels that it has here.
            output: What is read after the last step.
        """
        float_sizes = {name: count * math.prod(shapes[name][1:]) for name, count in live.items()}
        word_sizes = {name: words_of(c) * h * w for name, (c, h, w) in shapes.items()}
        floats = plan_memory(steps, float_sizes, [output])
        return cls(shapes, live, floats, place_buffers(lifetimes(steps), word_sizes))

    @property
    def nbytes(self) -> int:
        """Bytes of both arrays."""
        return 4 * (max(1, self.floats.size) + max(1, self.words.size))

    def step_of(self, place: Place) -> int:
        """Floats from pixel to pixel."""
        return self.live[place.buffer]

    def pixels_of(self, place: Place) -> int:
        """Pixels of a place."""
        return self.shapes[place.buffer][1] * self.shapes[place.buffer][2]

    def floats_at(self, place: Place) -> str:
        """Return the address of the first pixel's first channel."""
        return f"float_memory + {self.floats.offsets[place.buffer] + place.start}"

    def words_at(self, name: str) -> str:
        """Return the address of the first pixel's bits."""
        return f"word_memory + {self.words.offsets[name]}"
