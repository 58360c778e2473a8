"""The steps that read and write floats only, in C."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bnas.binops import tape
from bnas.zoo.c_export.code import Code, listed
from bnas.zoo.c_export.layouts import real_blocks
from bnas.zoo.program.steps import FloatStep, GlobalAvgPool, Linear, RealConv


def write_fill(step: FloatStep, code: Code) -> None:
    """Write zeros."""
    place = step.writes[0]
    target = code.arenas.floats_at(place), code.arenas.step_of(place)
    channels, pixels = place.stop - place.start, code.arenas.pixels_of(place)
    code.add_function(
        f"{place.buffer}: zeros", [code.call("fill_floats", pixels, channels, *target)]
    )


def write_elementwise(
    step: FloatStep, code: Code, kernel: str, *parameters: np.ndarray, flags: tuple[int, ...] = ()
) -> None:
    """Write the call of a kernel that goes through all pixels.

    Args:
        step: One place read, or more of which the first counts, and one written.
        code: The file.
        kernel: Name of the kernel.
        parameters: float32 (C,) each.
        flags: What the kernel wants besides.
    """
    places = [
        part
        for place in (step.reads[0], step.writes[0])
        for part in (code.arenas.floats_at(place), code.arenas.step_of(place))
    ]
    tables = [code.real("map", values) for values in parameters]
    place = step.writes[0]
    channels, pixels = place.stop - place.start, code.arenas.pixels_of(place)
    call = code.call(kernel, pixels, channels, *places, *tables, *flags)
    code.add_function(f"{place.buffer}: {type(step).__name__}", [call])


def write_means(step: GlobalAvgPool, code: Code) -> None:
    """Write the mean of every channel."""
    source, target = step.reads[0], step.writes[0]
    place = code.arenas.floats_at(source), code.arenas.step_of(source)
    channels, pixels = source.stop - source.start, code.arenas.pixels_of(source)
    call = code.call("mean_floats", pixels, channels, *place, code.arenas.floats_at(target))
    code.add_function(f"{target.buffer}: means of all pixels", [call])


def write_pool(step: FloatStep, code: Code, window: tape.Window, *, is_max: bool) -> None:
    """Write the maximum or the mean of windows."""
    source, target = step.reads[0], step.writes[0]
    arenas = code.arenas
    (_, *size), (_, *out) = (arenas.shapes[place.buffer] for place in (source, target))
    channels = source.stop - source.start
    sizes = (*size, arenas.step_of(source), *out, arenas.step_of(target), channels)
    places = arenas.floats_at(source), arenas.floats_at(target)
    code.add_function(
        f"{target.buffer}: {'maxima' if is_max else 'means'} of {window.kernel}x{window.kernel}",
        [
            f"static const struct window window = {{{listed(*sizes, *window)}}};",
            code.call("pool_floats", "&window", *places, int(is_max)),
        ],
    )


def write_real_conv(step: RealConv, code: Code) -> None:
    """Write a convolution with real weights."""
    maps = {name: getattr(step, name) for name in ("input_scale", "output_scale", "bias")}
    _real_conv(step, code, step.weight, maps, step.window, relu=step.relu)


def write_linear(step: Linear, code: Code) -> None:
    """Write a fully connected layer: a 1x1 convolution of one pixel."""
    _real_conv(step, code, step.weight[None], {"bias": step.bias}, tape.Window(1), relu=False)


def _real_conv(
    step: FloatStep,
    code: Code,
    weight: np.ndarray,
    maps: Mapping[str, np.ndarray | None],
    window: tape.Window,
    *,
    relu: bool,
) -> None:
    source, target = step.reads[0], step.writes[0]
    groups, outputs, _ = weight.shape
    inputs = (source.stop - source.start) // groups
    blocks = real_blocks(weight)
    kind = "halves" if blocks.dtype == np.uint16 else "singles"
    arenas = code.arenas
    fields: dict[str, object] = {
        "source": arenas.floats_at(source),
        "target": arenas.floats_at(target),
        kind: code.tables.add(kind, blocks),
        **{name: code.real(name, values) for name, values in maps.items() if values is not None},
    }
    for side, place in (("in", source), ("out", target)):
        _, height, width = arenas.shapes[place.buffer]
        fields |= {f"{side}_height": height, f"{side}_width": width}
        fields[f"{side}_step"] = arenas.step_of(place)
    fields |= {"groups": groups, "group_inputs": inputs, "group_outputs": outputs}
    fields |= {**window._asdict(), "relu": int(relu)}
    initializer = listed(*(f".{name} = {value}" for name, value in fields.items()))
    code.add_function(
        f"{target.buffer}: {window.kernel}x{window.kernel} real, {groups * inputs} to "
        f"{groups * outputs} channels",
        [
            f"static const struct real_conv conv = {{{initializer}}};",
            code.call("real_conv", "&conv"),
        ],
    )
