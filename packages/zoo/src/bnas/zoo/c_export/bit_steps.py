"""The steps that read or write bits, in C."""

from __future__ import annotations

import numpy as np

from bnas.zoo.c_export.arenas import words_of
from bnas.zoo.c_export.code import Code, listed
from bnas.zoo.c_export.dead_zeros import ZeroSigns
from bnas.zoo.c_export.layouts import BIT_BLOCK, binary_blocks, flag_words, group_words
from bnas.zoo.program.steps import BinaryConv, Bits, Floats, Pack, PoolBits, Unpack


def write_binary_conv(step: BinaryConv, code: Code) -> None:
    """Write a convolution that goes through the pixels and makes all that is wanted of each."""
    geometry = step.geometry
    height, width = geometry.out_size
    pixel = f"(y * {width} + x)"
    conv, count = _conv(step, code)
    epilogues = [_cut_counts(part, pixel, code) for part in step.bits]
    for part in step.floats:
        epilogues += _floats(part, pixel, code)
    whole_blocks = -(-geometry.out_channels // BIT_BLOCK) * BIT_BLOCK
    code.most_counts = max(code.most_counts, whole_blocks)
    code.add_function(
        f"{step.source}: {geometry.kernel[0]}x{geometry.kernel[1]} binary, "
        f"{geometry.in_channels} to {geometry.out_channels} channels",
        [
            conv,
            "int32_t y, x;",
            f"for (y = 0; y < {height}; ++y)",
            f"    for (x = 0; x < {width}; ++x) {{",
            f"        {count}",
            *(f"        {line}" for line in epilogues),
            "    }",
        ],
    )


def write_pack(step: Pack, code: Code) -> None:
    """Write the comparison of floats."""
    pixels = code.arenas.pixels_of(step.source)
    lines = ["int32_t pixel;", f"for (pixel = 0; pixel < {pixels}; ++pixel)"]
    lines.append("    " + _cut_floats(step, "pixel", code))
    code.add_function(f"{step.target}: signs of floats", lines)


def write_zero_signs(step: ZeroSigns, code: Code) -> None:
    """Write bits that are the same for every image."""
    table = code.tables.add("bits", flag_words((step.cut.threshold <= 0) ^ step.cut.flip))
    total, channels = code.arenas.shapes[step.target][0], len(step.cut.flip)
    is_last = int(step.first + channels == total)
    target = (code.arenas.words_at(step.target), words_of(total), step.first, is_last)
    pixels = code.arenas.pixels_of(step.source)
    call = code.call("fill_bits", pixels, channels, table, *target)
    code.add_function(f"{step.target}: signs of zeros", [call])


def write_pool_bits(step: PoolBits, code: Code) -> None:
    """Write max pooling of bits."""
    shapes, words_at = code.arenas.shapes, code.arenas.words_at
    (channels, *size), (_, *out) = shapes[step.source], shapes[step.target]
    words = words_of(channels)
    fields = listed(*size, words, *out, words, channels, *step.window)
    falls = code.tables.add("falls", flag_words(step.falls))
    places = words_at(step.source), falls, words_at(step.target)
    code.add_function(
        f"{step.target}: max pooling of signs",
        [
            f"static const struct window window = {{{fields}}};",
            code.call("pool_bits", "&window", *places),
        ],
    )


def write_unpack(step: Unpack, code: Code) -> None:
    """Write bits as floats."""
    place = step.writes[0]
    source = code.arenas.words_at(step.source), words_of(code.arenas.shapes[step.source][0])
    target = code.arenas.floats_at(place), code.arenas.step_of(place)
    channels, pixels = place.stop - place.start, code.arenas.pixels_of(place)
    call = code.call("unpack_bits", pixels, channels, *source, *target)
    code.add_function(f"{step.source}: signs as floats", [call])


def _conv(step: BinaryConv, code: Code) -> tuple[str, str]:
    """Return the definition of a convolution, and the call that counts one pixel of it."""
    geometry, image = step.geometry, code.arenas.words_at(step.source)
    channels, outputs = geometry.in_channels, geometry.out_channels
    words = words_of(channels)
    # All windows of a graph are square.
    window = (geometry.kernel[0], geometry.stride[0], geometry.padding[0], geometry.dilation[0])
    if geometry.groups == 1:
        code.most_patch_words = max(code.most_patch_words, words * window[0] ** 2)
        table = code.tables.add("weights", binary_blocks(step.weight, channels))
        fields = listed(image, table, *geometry.in_size, words, channels, outputs, *window)
        call = code.call("count_pixel", "&conv", "y", "x")
        return f"static const struct binary_conv conv = {{{fields}}};", call
    grouped = group_words(step.weight, channels, geometry.groups)
    tables = [
        code.tables.add("weights", grouped.weights),
        code.tables.add("masks", grouped.masks),
        code.tables.add("first_words", grouped.first_words),
    ]
    sizes = (*geometry.in_size, words, grouped.masks.shape[1], geometry.group_channels)
    fields = listed(image, *tables, *sizes, outputs // geometry.groups, outputs, *window)
    call = code.call("count_pixel_of_groups", "&conv", "y", "x")
    return f"static const struct group_conv conv = {{{fields}}};", call


def _cut_counts(part: Bits, pixel: str, code: Code) -> str:
    """Return the call that compares the counts of a pixel."""
    channels = len(part.cut.flip)
    target = f"{code.arenas.words_at(part.target)} + {pixel} * {words_of(channels)}"
    return code.call("cut_counts", channels, *code.cut(part.cut, np.int16), target)


def _floats(part: Floats, pixel: str, code: Code) -> list[str]:
    """Return the calls that make floats of the counts of a pixel, and bits of these."""
    kernel = ("scale" if part.activation == "none" else part.activation) + "_counts"
    place = part.target
    tables = [code.real("scale", part.scale)]
    tables += [code.real("map", values) for values in part.parameters]
    target = f"{code.arenas.floats_at(place)} + {pixel} * {code.arenas.step_of(place)}"
    call = code.call(kernel, place.stop - place.start, *tables, target, int(part.adds))
    return [call, *(_cut_floats(pack, pixel, code) for pack in part.packs)]


def _cut_floats(pack: Pack, pixel: str, code: Code) -> str:
    """Return the call that compares the floats of a pixel."""
    arenas, channels = code.arenas, len(pack.cut.flip)
    total = arenas.shapes[pack.target][0]
    values = f"{arenas.floats_at(pack.source)} + {pixel} * {arenas.step_of(pack.source)}"
    target = f"{arenas.words_at(pack.target)} + {pixel} * {words_of(total)}"
    tables = code.cut(pack.cut, np.float32)
    is_last = int(pack.first + channels == total)
    return code.call("cut_floats", channels, values, *tables, target, pack.first, is_last)
