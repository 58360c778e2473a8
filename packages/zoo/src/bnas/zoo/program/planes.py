"""Which planes of bits a program needs: for every name the positions that its readers look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bnas.binops import tape
from bnas.zoo.program.steps import BinaryConv, Pack, PoolBits, Step, Unpack

Shape = tuple[int, int, int]


def is_plain(isa: tape.Isa, geometry: tape.ConvGeometry) -> bool:
    """Whether a convolution reads the planes that writers make: shifted copies of the image."""
    layout = tape.planes_read(isa, geometry)
    return layout.is_plain and max(map(abs, layout.columns)) <= tape.MARGIN


def written_bits(step: Step) -> tuple[str, ...]:
    """Names of the bits that a step writes, or some channels of."""
    if isinstance(step, BinaryConv):
        packs = [pack.target for part in step.floats for pack in part.packs]
        return (*(part.target for part in step.bits), *packs)
    return (step.target,) if isinstance(step, Pack | PoolBits) else ()


def read_bits(step: Step) -> tuple[str, ...]:
    """Names of the bits that a step reads."""
    return (step.source,) if isinstance(step, BinaryConv | PoolBits | Unpack) else ()


def plan_planes(
    isa: tape.Isa, steps: Sequence[Step], shapes: Mapping[str, Shape]
) -> dict[str, tape.PlaneLayout]:
    """Return the layout of the bits of every name.

    Args:
        isa: The instruction set, which decides what convolutions read.
        steps: The program.
        shapes: Name of bits -> (C, H, W).
    """
    names = dict.fromkeys(
        name for step in steps for name in (*written_bits(step), *read_bits(step))
    )
    readers: dict[str, list[Step]] = {name: [] for name in names}
    for step in steps:
        for name in read_bits(step):
            readers[name].append(step)
    return {name: _layout(isa, shapes[name], found) for name, found in readers.items()}


def _layout(isa: tape.Isa, shape: Shape, readers: Sequence[Step]) -> tape.PlaneLayout:
    """Return planes that show every reader what it looks at."""
    layouts = [
        tape.planes_read(isa, step.geometry)
        for step in readers
        if isinstance(step, BinaryConv) and is_plain(isa, step.geometry)
    ]
    # Column 0 is the image itself, which pooling, other layouts and `Program.bits` read.
    columns = {0, *(column for layout in layouts for column in layout.columns)}
    return tape.PlaneLayout(
        in_size=shape[1:],
        width=shape[2],
        stride=(1, 1),
        columns=tuple(sorted(columns)),
        top=max((layout.top for layout in layouts), default=0),
        bottom=max((layout.bottom for layout in layouts), default=0),
        groups=-(-shape[0] // tape.GROUP),
    )


def lifetimes(steps: Sequence[Step]) -> dict[str, tuple[int, int]]:
    """Return, for the bits of every name, the first step that writes and the last that reads."""
    found: dict[str, tuple[int, int]] = {}
    for index, step in enumerate(steps):
        for name in (*written_bits(step), *read_bits(step)):
            first, _ = found.get(name, (index, index))
            found[name] = (first, index)
    return found
