"""Convolutions with real weights over `[N, H, W, C]`, and the linear layer.

A blocked product: rows are output pixels, columns output channels, the depth is taps and channels.
A block stages a slice of the depth of both in shared memory; a thread sums 4 x 4 results in
registers. Sums are of fused multiply-adds, in the order of the taps.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from attrs import frozen
from numba import cuda, types

from bnas.binops.cuda.constants import upload
from bnas.binops.cuda.conv_outputs import FloatPlace
from bnas.binops.cuda.float_kernels import FLOATS, FOUR, PAIR, float_pair
from bnas.binops.cuda.launch import CAPABILITIES, Launch, Specimen, blocks
from bnas.binops.cuda.pooling_kernels import PoolSizes
from bnas.binops.cuda.warp import WARP

#: Pixels and channels of a thread.
_SIDE = 4


@frozen
class RealTile:
    """The part of a product that a block makes.

    Args:
        pixels: Rows, a multiple of 4.
        channels: Columns, a multiple of 4.
        depth: Taps that are staged at a time; divides the threads, which divide pixels * depth.
    """

    pixels: int = 64
    channels: int = 64
    depth: int = 16

    @property
    def threads(self) -> int:
        """Threads of a block."""
        return self.pixels // _SIDE * (self.channels // _SIDE)


#: Parts for small images, of which there would be few large ones.
_SMALL = RealTile(pixels=16, channels=32, depth=8)
_FEW_BLOCKS = 128


def tile_for(pixels: int, outputs: int, groups: int = 1) -> RealTile:
    """Return the part of a product that a block should make.

    Args:
        pixels: Output pixels.
        outputs: Output channels of a group.
        groups: Number of groups.
    """
    tile = RealTile()
    count = blocks(pixels, tile.pixels) * blocks(outputs, tile.channels) * groups
    return _SMALL if count < _FEW_BLOCKS else tile


@functools.cache
def real_conv_kernel(tile: RealTile, is_relu: bool) -> Any:
    """Return the kernel (floats, weights, bias, source, target, sizes, window, shape).

    Sizes are height and width of source and target; the shape is input channels, output channels,
    and columns of the weights, of a group each, and output pixels.
    """
    pixels, channels, depth, threads = tile.pixels, tile.channels, tile.depth, tile.threads
    across, down = channels // _SIDE, pixels // _SIDE
    # One more than there are pixels: threads that store neighbouring taps meet different banks.
    row = pixels + 1
    staged = pixels * depth // threads
    lines, sums_of = threads // depth, _SIDE * _SIDE
    staged_values, staged_weights = row * depth, channels * depth
    weights_each = staged_weights // threads

    @cuda.jit
    def real_conv(
        floats: Any,
        weights: Any,
        bias: Any,
        source: Any,
        target: Any,
        sizes: Any,
        window: Any,
        shape: Any,
    ) -> None:
        height, width, out_height, out_width = sizes
        taps, stride, padding, dilation = window
        inputs, outputs, columns, all_pixels = shape
        thread = cuda.threadIdx.x
        groups_across = bias.size // channels
        column_block = cuda.blockIdx.x % groups_across
        first_pixel = cuda.blockIdx.x // groups_across * pixels
        blocks_of_group = columns // channels
        group = column_block // blocks_of_group
        first_output = (column_block - group * blocks_of_group) * channels
        length = taps * taps * inputs
        padded = (length + depth - 1) // depth * depth
        values = cuda.shared.array(staged_values, types.float32)
        factors = cuda.shared.array(staged_weights, types.float32)
        sums = cuda.local.array(sums_of, types.float32)
        for index in range(sums_of):
            sums[index] = np.float32(0)
        # Every thread stages one tap of some pixels: where these look does not change.
        images = cuda.local.array(staged, types.int32)
        tops = cuda.local.array(staged, types.int32)
        lefts = cuda.local.array(staged, types.int32)
        for index in range(staged):
            pixel = first_pixel + thread // depth + index * lines
            image = pixel // (out_height * out_width)
            inside = pixel - image * (out_height * out_width)
            y = inside // out_width
            images[index] = image * height * width
            tops[index] = y * stride - padding if pixel < all_pixels else -(1 << 30)
            lefts[index] = (inside - y * out_width) * stride - padding
        for start in range(0, padded, depth):
            tap = start + thread % depth
            position = tap // inputs
            channel = tap - position * inputs
            tap_y = position // taps
            tap_x = position - tap_y * taps
            for index in range(staged):
                y = tops[index] + tap_y * dilation
                x = lefts[index] + tap_x * dilation
                value = np.float32(0)
                if tap < length and y >= 0 and y < height and x >= 0 and x < width:
                    place = images[index] + y * width + x
                    value = floats[source[0] + place * source[1] + group * inputs + channel]
                values[thread % depth * row + thread // depth + index * lines] = value
            for index in range(weights_each):
                item = thread + index * threads
                line = group * padded + start + item // channels
                factors[item] = weights[line * columns + first_output + item % channels]
            cuda.syncthreads()
            for k in range(depth):
                for i in range(_SIDE):
                    value = values[k * row + thread // across + i * down]
                    for j in range(_SIDE):
                        factor = factors[k * channels + thread % across + j * across]
                        sums[i * _SIDE + j] += value * factor
            cuda.syncthreads()
        for i in range(_SIDE):
            pixel = first_pixel + thread // across + i * down
            for j in range(_SIDE):
                output = first_output + thread % across + j * across
                if pixel < all_pixels and output < outputs:
                    result = sums[i * _SIDE + j] + bias[group * columns + output]
                    if is_relu and not result > np.float32(0):
                        result = np.float32(0)
                    place = target[0] + pixel * target[1] + group * outputs + output
                    floats[place] = result

    return real_conv


@frozen(eq=False)
class RealWeights:
    """Weights and biases on the device, in the order in which they are read.

    Args:
        weight: float32 device array: groups, depth (padded), outputs of a group (padded).
        bias: float32 device array: groups, outputs of a group (padded).
        groups: Number of groups.
        outputs: Output channels of a group.
        inputs: Input channels of a group.
        tile: What they are padded for.
    """

    weight: Any
    bias: Any
    groups: int
    outputs: int
    inputs: int
    tile: RealTile

    @property
    def columns(self) -> int:
        """Outputs of a group with what they are padded by."""
        return blocks(self.outputs, self.tile.channels) * self.tile.channels

    @classmethod
    def of(
        cls, weight: np.ndarray, bias: np.ndarray | None, taps: int, tile: RealTile
    ) -> RealWeights:
        """Lay weights out and copy them to the device.

        Args:
            weight: float32 (groups, O / groups, I / groups * taps), channels before taps.
            bias: float32 (O,), or None.
            taps: Number of taps, of both axes together.
            tile: What a block makes.
        """
        groups, outputs, length = weight.shape
        columns = blocks(outputs, tile.channels) * tile.channels
        depth = blocks(length, tile.depth) * tile.depth
        by_tap = weight.reshape(groups, outputs, length // taps, taps).transpose(0, 3, 2, 1)
        laid = np.zeros((groups, depth, columns), np.float32)
        laid[:, :length, :outputs] = by_tap.reshape(groups, length, outputs)
        biases = np.zeros((groups, columns), np.float32)
        if bias is not None:
            biases[:, :outputs] = bias.reshape(groups, outputs)
        weights, offsets = (upload(part.reshape(-1)) for part in (laid, biases))
        return cls(weights, offsets, groups, outputs, length // taps, tile)


def real_conv(
    floats: Any,
    weights: RealWeights,
    source: FloatPlace,
    target: FloatPlace,
    sizes: PoolSizes,
    *,
    is_relu: bool = False,
) -> Launch:
    """Return the launch of a convolution.

    Args:
        floats: float32 device array of one axis.
        weights: Its weights.
        source: What is read.
        target: What is written.
        sizes: Sizes and window.
        is_relu: Set what is not positive to 0.
    """
    tile = weights.tile
    pixels = sizes.out_pixels
    grid = blocks(pixels, tile.pixels) * weights.groups * (weights.columns // tile.channels)
    arguments = (
        floats,
        weights.weight,
        weights.bias,
        float_pair(source),
        float_pair(target),
        (*sizes.size, *sizes.out_size),
        tuple(sizes.window),
        (weights.inputs, weights.outputs, weights.columns, pixels),
    )
    return Launch(real_conv_kernel(tile, is_relu), grid, tile.threads, arguments)


def specimens() -> list[Specimen]:
    """The kernels of this file, for compile checks."""
    signature = (FLOATS, FLOATS, FLOATS, PAIR, PAIR, FOUR, FOUR, FOUR)
    expects = dict.fromkeys(CAPABILITIES, "FFMA")
    return [
        Specimen(
            f"real convolution of {tile.pixels} x {tile.channels}, ReLU {is_relu}",
            real_conv_kernel(tile, is_relu),
            signature,
            expects,
            # Small parts are of one warp: few of them are on an SM anyway.
            most_registers=128 if tile.threads > WARP else 192,
        )
        for tile in (RealTile(), _SMALL)
        for is_relu in (False, True)
    ]
