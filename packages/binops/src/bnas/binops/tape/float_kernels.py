"""FLOAT, POOL and LINEAR: float32 operations on rows of pixels, each rounded as NumPy rounds it."""

from __future__ import annotations

from typing import Any

import numpy as np

from bnas.binops.jit import kernel
from bnas.binops.table.intrinsics import dot, mean_row, pool_row, sum_row
from bnas.binops.tape.pointers import resolve
from bnas.binops.tape.records import Float
from bnas.binops.tape.views import floats_at

_FILL, _COPY, _ADD, _AFFINE, _RELU, _RPRELU, _MEAN = (int(operation) for operation in Float)


@kernel()
def _float_row(
    operation: Any, source: Any, target: Any, first: Any, second: Any, third: Any
) -> None:
    """Apply an operation to one row."""
    if operation == _FILL:
        target[:] = np.float32(0)
    elif operation == _COPY:
        for p in range(target.shape[0]):
            target[p] = source[p]
    elif operation == _ADD:
        for p in range(target.shape[0]):
            target[p] += source[p]
    elif operation == _AFFINE:
        for p in range(target.shape[0]):
            product = source[p] * first
            target[p] = product + second
    elif operation == _RELU:
        for p in range(target.shape[0]):
            value = source[p]
            target[p] = value if value > 0 else np.float32(0)
    elif operation == _RPRELU:
        for p in range(target.shape[0]):
            shifted = source[p] - first
            value = shifted if shifted >= 0 else shifted * second
            target[p] = value + third


@kernel()
def _run_means(tag: Any, record: Any, source: Any, target: Any) -> None:
    """Take the mean of every channel of an image, summed in float64."""
    step = tag.lanes // 4
    whole = record.length // step
    for channel in range(record.channels):
        place = source + channel * record.source_row
        total = sum_row(tag, place, whole)
        values = floats_at(place, record.length)
        for p in range(whole * step, record.length):
            total += values[p]
        result = floats_at(target + channel * record.target_row, 1)
        result[0] = np.float32(total / record.length)


@kernel()
def _parameter(bases: Any, pointer: Any, channel: Any) -> Any:
    """One channel's value of a parameter, or 0 where there is none."""
    if pointer == 0:
        return np.float32(0)
    return floats_at(resolve(bases, pointer) + 4 * channel, 1)[0]


@kernel()
def _is_one_row(record: Any) -> Any:
    """Whether all channels, with what lies between them, can be taken for one long row."""
    if record.operation == _AFFINE or record.operation == _RPRELU:
        return False
    return record.operation == _FILL or record.source_row == record.target_row


@kernel()
def _float_channels(bases: Any, record: Any, source: Any, target: Any) -> None:
    """Apply an operation to all channels of an image."""
    for channel in range(record.channels):
        row = floats_at(source + channel * record.source_row, record.length)
        place = target + channel * record.target_row
        if record.operation == _COPY and record.length == 1:
            floats_at(place, 1)[0] = row[0]
        else:
            _float_row(
                record.operation,
                row,
                floats_at(place, record.length),
                _parameter(bases, record.first_at, channel),
                _parameter(bases, record.second_at, channel),
                _parameter(bases, record.third_at, channel),
            )


@kernel()
def run_float(tag: Any, bases: Any, record: Any, images: Any) -> None:
    """Apply an operation to every row.

    Args:
        tag: The instruction set.
        bases: int64 (spaces,).
        record: `bnas.binops.tape.records.FLOAT`.
        images: Number of images.
    """
    for image in range(images):
        source = resolve(bases, record.source_at) + image * record.source_step
        target = resolve(bases, record.target_at) + image * record.target_step
        if record.operation == _MEAN:
            _run_means(tag, record, source, target)
        elif _is_one_row(record):
            # A row a channel costs 15 ns, which is more than most rows take.
            length = (record.channels - 1) * record.target_row // 4 + record.length
            row, place = floats_at(source, length), floats_at(target, length)
            none = np.float32(0)
            _float_row(record.operation, row, place, none, none, none)
        else:
            _float_channels(bases, record, source, target)


@kernel()
def taps_inside(start: Any, size: Any, kernel: Any, dilation: Any) -> Any:
    """First tap of a window that lies inside the image, along one axis, and the one after the last.

    Args:
        start: Position of the window's first tap, pixels.
        size: Pixels of the image.
        kernel: Taps.
        dilation: Steps between them, pixels.
    """
    return max(0, -(start // dilation)), min(kernel, (size - 1 - start) // dilation + 1)


@kernel()
def _join_rows(is_max: Any, source: Any, width: Any, rows: Any, step: Any, line: Any) -> None:
    """Take the maximum or the sum of some rows, `step` apart, pixel by pixel."""
    for x in range(width):
        line[x] = source[rows[0] * width + x]
    for row in range(rows[0] + step, rows[1], step):
        other = source[row * width : (row + 1) * width]
        if is_max:
            for x in range(width):
                line[x] = other[x] if other[x] > line[x] else line[x]
        else:
            for x in range(width):
                line[x] += other[x]


@kernel()
def _join_taps(is_max: Any, line: Any, tap: Any, stride: Any, target: Any) -> None:
    """Take the maximum or the sum with one column of the window."""
    if is_max and stride == 2:
        for x in range(target.shape[0]):
            value = line[2 * x + tap]
            target[x] = value if value > target[x] else target[x]
    elif is_max:
        for x in range(target.shape[0]):
            value = line[x * stride + tap]
            target[x] = value if value > target[x] else target[x]
    elif stride == 2:
        for x in range(target.shape[0]):
            target[x] += line[2 * x + tap]
    else:
        for x in range(target.shape[0]):
            target[x] += line[x * stride + tap]


@kernel()
def _pool_row(record: Any, source: Any, y: Any, line: Any, target: Any) -> None:
    """Pool one row of outputs: first along the columns, then along the rows."""
    width, padding, dilation = record.width, record.padding, record.dilation
    top = y * record.stride - padding
    first, last = taps_inside(top, record.height, record.kernel, dilation)
    rows = (top + first * dilation, top + last * dilation)
    neutral = np.float32(-np.inf) if record.is_max else np.float32(0)
    line[:padding] = neutral
    line[padding + width :] = neutral
    _join_rows(record.is_max, source, width, rows, dilation, line[padding : padding + width])
    target[:] = neutral
    for tap in range(record.kernel):
        _join_taps(record.is_max, line, tap * dilation, record.stride, target)
    if not record.is_max:
        for x in range(target.shape[0]):
            taps = taps_inside(x * record.stride - padding, width, record.kernel, dilation)
            target[x] /= np.float32((last - first) * (taps[1] - taps[0]))


@kernel()
def _pool_halving_row(tag: Any, record: Any, source: Any, y: Any, line: Any, target: Any) -> None:
    """Pool one row of outputs of a window that `_halves`, by vectors."""
    row, width = 4 * record.width, record.out_width
    middle = source + 2 * y * row
    lower = middle + row if 2 * y + 1 < record.height else middle
    step = tag.lanes // 4
    # The vector that hangs over is put right by the next row, unless there is none.
    fits = 4 * (y * width + -(-width // step) * step) <= record.target_row
    place = target if fits else line.ctypes.data
    if record.is_max:
        upper = middle - row if y > 0 else middle
        pool_row(tag, upper, middle, lower, place, width)
    else:
        mean_row(tag, middle, lower, place, width)
    if not fits:
        floats_at(target, width)[:] = line[:width]


@kernel()
def _halves(record: Any) -> Any:
    """Whether vectors do it: maxima of 3x3 with padding 1, means of 2x2, both with stride 2."""
    window = (record.kernel, record.stride, record.padding)
    if record.width % 2 or record.dilation != 1:
        return False
    if record.is_max:
        return window == (3, 2, 1)
    return window == (2, 2, 0) and record.height % 2 == 0


@kernel()
def run_pool(tag: Any, bases: Any, record: Any, images: Any) -> None:
    """Take the maximum or the mean of the taps inside the image.

    Args:
        tag: The instruction set.
        bases: int64 (spaces,).
        record: `bnas.binops.tape.records.POOL`.
        images: Number of images.
    """
    line = floats_at(resolve(bases, record.line_at), record.width + 2 * record.padding)
    halves = _halves(record)
    for image in range(images):
        source = resolve(bases, record.source_at) + image * record.source_step
        target = resolve(bases, record.target_at) + image * record.target_step
        for channel in range(record.channels):
            plane = source + channel * record.source_row
            for y in range(record.out_height):
                place = target + channel * record.target_row + 4 * y * record.out_width
                if halves:
                    _pool_halving_row(tag, record, plane, y, line, place)
                else:
                    whole = floats_at(plane, record.height * record.width)
                    _pool_row(record, whole, y, line, floats_at(place, record.out_width))


@kernel()
def run_linear(tag: Any, bases: Any, record: Any, images: Any) -> None:
    """Multiply with a matrix.

    Args:
        tag: The instruction set.
        bases: int64 (spaces,).
        record: `bnas.binops.tape.records.LINEAR`.
        images: Number of images.
    """
    weights = resolve(bases, record.weights_at)
    bias = floats_at(resolve(bases, record.bias_at), record.outputs)
    features = floats_at(resolve(bases, record.features_at), record.inputs)
    for image in range(images):
        source = resolve(bases, record.source_at) + image * record.source_step
        target = resolve(bases, record.target_at) + image * record.target_step
        for k in range(record.inputs):
            features[k] = floats_at(source + k * record.source_row, 1)[0]
        for output in range(record.outputs):
            row = weights + output * record.quads * 4 * tag.lanes
            place = target + output * record.target_row
            dot(tag, features.ctypes.data, row, record.quads, place)
            floats_at(place, 1)[0] += bias[output]
