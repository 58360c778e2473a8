"""Where values and bits lie on the GPU: two arenas, planned for one image and scaled up."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from attrs import frozen

from bnas.binops.cuda.conv_outputs import FloatPlace, WordPlace
from bnas.binops.cuda.conv_weights import words_of
from bnas.zoo.program.memory import MemoryPlan, place_buffers, plan_memory
from bnas.zoo.program.planes import lifetimes, written_bits
from bnas.zoo.program.steps import Pack, Place, Step

Shape = tuple[int, int, int]


@frozen
class ArenaPlan:
    """Places for one image; for more of them every offset is multiplied.

    What does not overlap then does not overlap either, and one plan serves all batches.

    Attributes:
        shapes: Float buffer, or name of bits -> (C, H, W).
        floats: Where float buffers lie, in values.
        words: Where bits lie, in words.
    """

    shapes: Mapping[str, Shape]
    floats: MemoryPlan
    words: MemoryPlan

    @classmethod
    def of(cls, steps: Sequence[Step], shapes: Mapping[str, Shape], output: Place) -> ArenaPlan:
        """Plan the memory of a program.

        Args:
            steps: The program.
            shapes: Float buffer, or name of bits -> (C, H, W).
            output: Keeps its values after the last step.
        """
        spans = lifetimes(steps)
        # Bits that are made once must outlive every run.
        constant = (step for step in steps if isinstance(step, Pack) and step.constant)
        always = {name for step in constant for name in written_bits(step)}
        spans.update(dict.fromkeys(always, (-1, len(steps))))
        values = {name: math.prod(shape) for name, shape in shapes.items()}
        words = {name: words_of(c) * h * w for name, (c, h, w) in shapes.items()}
        return cls(shapes, plan_memory(steps, values, [output]), place_buffers(spans, words))

    def float_place(self, place: Place, images: int) -> FloatPlace:
        """Return where some channels of a buffer lie."""
        channels = self.shapes[place.buffer][0]
        return FloatPlace(self.floats.offsets[place.buffer] * images, channels, place.start)

    def word_place(self, name: str, images: int, first: int = 0) -> WordPlace:
        """Return where bits lie, from word `first` of every pixel on."""
        words = words_of(self.shapes[name][0])
        return WordPlace(self.words.offsets[name] * images, words, first)

    def pixels(self, name: str, images: int) -> int:
        """Return the pixels of all images of a buffer, or of bits."""
        _, height, width = self.shapes[name]
        return images * height * width

    @property
    def largest_arena(self) -> int:
        """Elements of the larger arena, for one image."""
        return max(self.floats.size, self.words.size)

    @property
    def bytes_per_image(self) -> int:
        """Bytes of both."""
        return self.floats.bytes_per_image + self.words.bytes_per_image
