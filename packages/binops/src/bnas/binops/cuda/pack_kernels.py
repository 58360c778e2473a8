"""Pack the signs of numbers into bytes of eight channels, threshold and direction fused.

Numbers are seen as (outer, length, inner) with a step along each; a byte is made of eight
neighbours along length. There is a kernel for each way that they may lie:

* **wide**: floats of 32 or 16 bits in C order; a thread makes 16 bytes' worth of inner positions
  and reads each of the eight channels by one load;
* **rows**: no inner axis; a warp takes 128 channels of a row, and votes;
* **strided**: all else, a byte a thread; neighbouring threads take neighbouring inner positions.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numba import cuda, types

from bnas.binops.bits import byte_count
from bnas.binops.cuda.arrays import ITEM_BYTES, GpuArray
from bnas.binops.cuda.keys import FLIP, LIVE, Key, key_function
from bnas.binops.cuda.launch import CAPABILITIES, Launch, Specimen, blocks
from bnas.binops.cuda.pack_planes import WIDE_BYTES, WIDE_TYPES, Planes
from bnas.binops.cuda.warp import WARP, ballot, load4

THREADS = 128
#: Channels that a warp of the kernel of rows takes.
ROW_CHANNELS = 128


@functools.cache
def _bit_function(dtype: str, has_cuts: bool) -> Any:
    """Return the device function (cell, channel, cuts, modes) -> (bit, whether it is NaN)."""
    key = Key(dtype)
    is_real, cut = key.is_real, np.dtype(key.cut).type(key.plain_cut)
    if is_real and not has_cuts:
        return _sign_function(dtype)
    make_key: Any = key_function(dtype) if is_real else None

    @cuda.jit(device=True)
    def make_bit(cell: Any, channel: Any, cuts: Any, modes: Any) -> Any:
        if is_real:
            value, is_nan = make_key(cell)
        else:
            value, is_nan = cell, False
        if has_cuts:
            mode = modes[channel]
            is_one = value >= cuts[channel] and mode & LIVE != 0
            return is_one != (mode & FLIP != 0), is_nan
        return value >= cut, is_nan

    return make_bit


def _sign_function(dtype: str) -> Any:
    """Return the device function of `_bit_function` for floats and the threshold 0."""
    key = Key(dtype)
    cell = np.dtype(key.cell).type
    most, infinity = cell(np.iinfo(cell).max >> 1), cell(key.infinity)
    minus_zero = cell(np.iinfo(cell).max ^ int(most))

    @cuda.jit(device=True)
    def make_sign(cell: Any, channel: Any, cuts: Any, modes: Any) -> Any:
        # As integers without a sign, what is not negative comes first, and -0.0 is next.
        return cell <= minus_zero, (cell & most) > infinity

    return make_sign


@functools.cache
def strided_kernel(dtype: str, has_cuts: bool) -> Any:
    """Return the kernel (source, start, sizes, steps, cuts, modes, out, flag)."""
    make_bit = _bit_function(dtype, has_cuts)

    @cuda.jit
    def pack_strided(
        source: Any, start: Any, sizes: Any, steps: Any, cuts: Any, modes: Any, out: Any, flag: Any
    ) -> None:
        length, inner = sizes[1], sizes[2]
        octets = (length + 7) // 8
        item = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
        if item < sizes[0] * octets * inner:
            rest = item // inner
            channel = rest % octets * 8
            at = start + rest // octets * steps[0] + channel * steps[1]
            at += (item - rest * inner) * steps[2]
            found, has_nan = np.uint32(0), False
            for bit in range(8):
                if channel + bit < length:
                    is_one, is_nan = make_bit(
                        source[at + bit * steps[1]], channel + bit, cuts, modes
                    )
                    has_nan = has_nan or is_nan
                    if is_one:
                        found |= np.uint32(1 << bit)
            out[item] = np.uint8(found)
            if has_nan:
                flag[0] = 1

    return pack_strided


@functools.cache
def wide_kernel(dtype: str, has_cuts: bool) -> Any:
    """Return the kernel (source, sizes, cuts, modes, out, flag); words in, words out."""
    key = Key(dtype)
    per_word = 4 // ITEM_BYTES[dtype]
    positions, made = 4 * per_word, per_word  # positions of a thread, and words of their bytes
    cell_bits, every = 32 // per_word, np.uint32(0x01010101)
    cell_mask, most = np.uint32((1 << cell_bits) - 1), (1 << cell_bits - 1) - 1
    minus_zero = np.int64(most + 1)
    # In every half of a word, or in all of it: the magnitude, and what lifts NaN into the sign.
    each = 0x10001 if per_word == 2 else 1
    magnitude, lift = np.uint32(most * each), np.uint32((most - key.infinity) * each)
    signs = np.uint32((most + 1) * each)

    @cuda.jit
    def pack_wide(source: Any, sizes: Any, cuts: Any, modes: Any, out: Any, flag: Any) -> None:
        length, inner = sizes[1], sizes[2]
        octets, groups = (length + 7) // 8, inner // positions
        item = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
        if item < sizes[0] * octets * groups:
            rest = item // groups
            channel = rest % octets * 8
            at = (rest // octets * length + channel) * groups + item - rest * groups
            # All loads are under way before the first is used. Behind the last channel it is read
            # again, so that no load hangs on a condition; its bits are cleared below.
            last = min(length - channel, 8) - 1
            read = cuda.local.array(32, types.uint32)
            for bit in range(8):
                four = load4(source, np.uint32((at + min(bit, last) * groups) * 4))
                for part in range(4):
                    read[bit * 4 + part] = four[part]
            found = cuda.local.array(made, types.uint32)
            for part in range(made):
                found[part] = np.uint32(0)
            nans, turned = np.uint32(0), np.uint32(0)
            for bit in range(8):
                # What reaches the cut, as integers without a sign: what is not negative comes
                # first, then -0.0, then what is negative, farther and farther below.
                low, high = np.uint32(0), np.uint32(minus_zero)
                if has_cuts:
                    cut = cuts[channel + min(bit, last)]
                    low = np.uint32(max(cut, 0))
                    high = np.uint32(most if cut > 0 else minus_zero - cut)
                    turned |= np.uint32((modes[channel + min(bit, last)] & FLIP) << bit)
                for position in range(positions):
                    word = read[bit * 4 + position // per_word]
                    if position % per_word == 0:
                        nans |= np.uint32((word & magnitude) + lift)
                    cell = (word >> np.uint32(position % per_word * 16)) & cell_mask
                    if low <= cell and cell <= high:
                        found[position // 4] |= np.uint32(1 << (position % 4 * 8 + bit))
            mask = np.uint32(every * np.uint32((2 << last) - 1))
            turned = np.uint32(every * turned)
            for part in range(made):
                out[item * made + part] = (found[part] ^ turned) & mask
            if nans & signs:
                flag[0] = 1

    return pack_wide


@functools.cache
def rows_kernel(dtype: str, has_cuts: bool) -> Any:
    """Return the kernel (source, start, sizes, steps, cuts, modes, out, flag)."""
    make_bit = _bit_function(dtype, has_cuts)
    parts = ROW_CHANNELS // WARP

    @cuda.jit
    def pack_rows(
        source: Any, start: Any, sizes: Any, steps: Any, cuts: Any, modes: Any, out: Any, flag: Any
    ) -> None:
        length = sizes[1]
        octets, chunks = (length + 7) // 8, (length + ROW_CHANNELS - 1) // ROW_CHANNELS
        lane = cuda.threadIdx.x % WARP
        warp = (cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x) // WARP
        outer, chunk = warp // chunks, warp % chunks
        row = start + outer * steps[0]
        mine, has_nan = np.int32(0), False
        for part in range(parts):
            channel = chunk * ROW_CHANNELS + part * WARP + lane
            is_one, is_nan = False, False
            if outer < sizes[0] and channel < length:
                is_one, is_nan = make_bit(source[row + channel * steps[1]], channel, cuts, modes)
            has_nan = has_nan or is_nan
            vote = ballot(is_one)
            # Lanes 0 to 15 write a byte each, lane l that of the channels 8l to 8l + 7.
            if lane // 4 == part:
                mine = vote
        byte = chunk * (ROW_CHANNELS // 8) + lane
        if outer < sizes[0] and lane < ROW_CHANNELS // 8 and byte < octets:
            out[outer * octets + byte] = np.uint8((mine >> (lane % 4 * 8)) & 255)
        if has_nan:
            flag[0] = 1

    return pack_rows


def pack_planes(planes: Planes, cuts: tuple[Any, Any] | None, out: GpuArray, flag: Any) -> Launch:
    """Pack signs.

    Args:
        planes: What is packed; at least one element.
        cuts: Cuts and modes (`bnas.binops.cuda.keys.cuts`) as device arrays of one axis, or None
            for the threshold 0.
        out: uint8, (outer, ceil(length / 8), inner) in C order, of any shape.
        flag: int32 device array (1,) that becomes 1 if there is a NaN; None for types that have
            none.

    Returns:
        The launch.
    """
    array, dtype = planes.array, planes.array.dtype
    outer, length, inner = planes.sizes
    has_cuts = cuts is not None
    is_wide = planes.is_wide and out.pointer % WIDE_BYTES == 0
    source = array.memory("uint32" if is_wide else Key(dtype).cell)
    target = out.memory("uint32" if is_wide else "uint8")
    # A kernel that has no use for an array is handed one that there is.
    where = (*(cuts or (source, target)), target, target if flag is None else flag)
    if is_wide:
        threads = outer * byte_count(length) * (inner * ITEM_BYTES[dtype] // WIDE_BYTES)
        wide = (source, planes.sizes, *where)
        return Launch(wide_kernel(dtype, has_cuts), blocks(threads, THREADS), THREADS, wide)
    arguments = (source, array.start, planes.sizes, planes.steps, *where)
    if inner == 1:
        kernel, threads = rows_kernel(dtype, has_cuts), outer * blocks(length, ROW_CHANNELS) * WARP
    else:
        kernel, threads = strided_kernel(dtype, has_cuts), outer * byte_count(length) * inner
    return Launch(kernel, blocks(threads, THREADS), THREADS, arguments)


def specimens() -> list[Specimen]:
    """The kernels of this module for compile checks: each kind of type in each form."""
    found = []
    # Unsigned types are those of the same width with another key.
    for dtype in (name for name in ITEM_BYTES if not name.startswith("uint")):
        found.append(_specimen("strided", dtype, True))
        found.append(_specimen("rows", dtype, False))
        if dtype in WIDE_TYPES:
            found += [_specimen("wide", dtype, has_cuts) for has_cuts in (False, True)]
    return [*found, _specimen("strided", "float32", False), _specimen("rows", "float32", True)]


def _specimen(form: str, dtype: str, has_cuts: bool) -> Specimen:
    """A kernel of a form for compile checks."""
    key, three = Key(dtype), types.UniTuple(types.int64, 3)
    is_wide = form == "wide"
    source = (types.uint32 if is_wide else getattr(types, key.cell))[::1]
    target = (types.uint32 if is_wide else types.uint8)[::1]
    cuts = (getattr(types, key.cut)[::1], types.uint8[::1]) if has_cuts else (source, target)
    sizes = (three,) if is_wide else (types.int64, three, three)
    flag = types.int32[::1] if key.is_real else target
    make = {"strided": strided_kernel, "rows": rows_kernel, "wide": wide_kernel}[form]
    instruction = {"strided": "STG", "rows": "VOTE", "wide": "LDG.E.128"}[form]
    return Specimen(
        f"pack {form} {dtype}{' cuts' if has_cuts else ''}",
        make(dtype, has_cuts),
        (source, *sizes, *cuts, target, flag),
        dict.fromkeys(CAPABILITIES, instruction),
        most_registers=80,
    )
