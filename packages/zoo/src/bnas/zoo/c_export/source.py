"""`c_source`: a packed network as the text of one C99 file."""

from __future__ import annotations

import math
import os

from attrs import frozen

from bnas.cells import GraphError
from bnas.zoo.atomic_file import write_atomically
from bnas.zoo.c_export.arenas import Arenas
from bnas.zoo.c_export.code import Code
from bnas.zoo.c_export.dead_zeros import live_channels, without_dead_zeros
from bnas.zoo.c_export.frame import (
    code_fields,
    colour_fields,
    comment_fields,
    frame_text,
    label_field,
)
from bnas.zoo.c_export.identifiers import check_prefix, prefix_of
from bnas.zoo.c_export.order import constants_last, frees_first
from bnas.zoo.c_export.writer import write_step
from bnas.zoo.errors import ExportError
from bnas.zoo.export_facts import base_name, weights_sha256
from bnas.zoo.network import PackedNetwork
from bnas.zoo.program.emitter import Emitted, emit
from bnas.zoo.program.steps import Load, Step


@frozen
class CSource:
    """A C file.

    Attributes:
        text: All of it, ASCII; equal networks give equal text.
        prefix: What its public names begin with.
        input_size: Height and width of the images, pixels.
        table_bytes: Bytes of its constant tables: flash, besides the code.
        static_bytes: Bytes of its static memory: RAM, besides the stack.
        classes: Number of logits.
        steps: What it does, in order; all but the first, `Load`, are functions.
        arenas: Where the values of the steps lie.
    """

    text: str
    prefix: str
    input_size: tuple[int, int]
    table_bytes: int
    static_bytes: int
    classes: int
    steps: tuple[Step, ...]
    arenas: Arenas

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file, whole or not at all.

        Raises:
            SaveError: The file cannot be written; what was there before is intact.
        """
        write_atomically(path, self.text.encode("ascii"))


def c_source(
    network: PackedNetwork,
    *,
    prefix: str | None = None,
    input_size: int | None = None,
    sha256: str | None = None,
) -> CSource:
    """Write a packed network as C99: the same steps, the same bits, logits to 1e-4 of the largest.

    Args:
        network: The network.
        prefix: What the public names begin with; None derives it from the network's name.
        input_size: Side of the images in pixels; None takes what the network was trained with.
        sha256: SHA-256 of the weights file, told in the file; None takes the card's, if any.

    Raises:
        ExportError: `prefix` cannot begin a name in C, or images of this size do not fit.
    """
    prefix = prefix_of(base_name(network)) if prefix is None else prefix
    check_prefix(prefix)
    side = network.preprocessing.size if input_size is None else input_size
    emitted = _emitted(network, side)
    steps, arenas = _planned(emitted)
    code = Code(arenas)
    for step in steps:
        write_step(step, code)
    table_bytes, static_bytes = code.tables.nbytes, arenas.nbytes + code.scratch_nbytes
    facts = {
        "SHA-256 of the weights file": weights_sha256(network, sha256) or "",
        "flash": f"{table_bytes:,} bytes of tables, and the code",
        "RAM": f"{static_bytes:,} bytes of static memory, and the stack, below 1 kB",
    }
    (image,) = (step.writes[0] for step in steps if isinstance(step, Load))
    classes = emitted.output.stop - emitted.output.start
    text = frame_text(
        {
            "prefix": prefix,
            "PREFIX": prefix.upper(),
            "height": side,
            "width": side,
            "classes": classes,
            "names": label_field(network),
            "input": arenas.floats_at(image),
            "output": arenas.floats_at(emitted.output),
            **comment_fields(network, facts),
            **colour_fields(network.preprocessing),
            **code_fields(code),
        }
    )
    sizes = (table_bytes, static_bytes, classes)
    return CSource(text, prefix, (side, side), *sizes, steps, arenas)


def _emitted(network: PackedNetwork, side: int) -> Emitted:
    try:
        return emit(network.parameters.graph, network.parameters, (side, side))
    except GraphError as error:
        raise ExportError(
            f"`input_size` must fit the network (got {side} pixels): {error}", input_size=side
        ) from error


def _planned(emitted: Emitted) -> tuple[tuple[Step, ...], Arenas]:
    """Return the steps in the order that takes less memory, and where their values lie."""
    shapes, output = emitted.shapes, emitted.output
    live = live_channels(emitted.steps, output)
    steps = without_dead_zeros(emitted.steps, live)
    sizes = {name: count * math.prod(shapes[name][1:]) for name, count in live.items()}
    orders = (steps, frees_first(constants_last(steps), sizes))
    plans = ((order, Arenas.plan(order, shapes, live, output)) for order in orders)
    return min(plans, key=lambda plan: plan[1].nbytes)
