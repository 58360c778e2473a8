"""The linear layer: a warp sums one output of one image."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda, types

from bnas.binops.cuda.constants import upload
from bnas.binops.cuda.conv_outputs import FloatPlace
from bnas.binops.cuda.float_kernels import FLOATS, PAIR, float_pair
from bnas.binops.cuda.launch import CAPABILITIES, Launch, Specimen
from bnas.binops.cuda.pooling_kernels import PoolSizes
from bnas.binops.cuda.real_conv_kernel import RealWeights, real_conv, tile_for
from bnas.binops.cuda.warp import WARP

#: From so many images on it is a product of matrices: then every weight is read for several.
_MANY_IMAGES = 32


@cuda.jit
def linear_sums(floats: Any, weights: Any, bias: Any, source: Any, target: Any, shape: Any) -> None:
    """Multiply with a matrix; the shape is inputs and outputs."""
    inputs, outputs = shape
    lane = cuda.threadIdx.x
    image = cuda.blockIdx.x // outputs
    output = cuda.blockIdx.x - image * outputs
    total = np.float32(0)
    for index in range(lane, inputs, WARP):
        total += floats[source[0] + image * source[1] + index] * weights[output * inputs + index]
    parts = cuda.shared.array(WARP, types.float32)
    parts[lane] = total
    half = WARP // 2
    while half > 0:
        cuda.syncthreads()
        if lane < half:
            parts[lane] += parts[lane + half]
        half //= 2
    if lane == 0:
        floats[target[0] + image * target[1] + output] = parts[0] + bias[output]


def linear(
    floats: Any,
    parameters: tuple[np.ndarray, np.ndarray],
    source: FloatPlace,
    target: FloatPlace,
    images: int,
) -> Launch:
    """Return the launch of a linear layer.

    Args:
        floats: float32 device array of one axis.
        parameters: Weights (O, I) and bias (O,), float32.
        source: What is read, a pixel an image.
        target: What is written, the same.
        images: Number of images.
    """
    weight, bias = parameters
    outputs, inputs = weight.shape
    if images >= _MANY_IMAGES:
        sizes = PoolSizes(images, (1, 1), (1, 1), (1, 1, 0, 1))
        weights = RealWeights.of(weight[None], bias, 1, tile_for(images, outputs))
        return real_conv(floats, weights, source, target, sizes)
    arrays = (upload(np.ascontiguousarray(part.reshape(-1), np.float32)) for part in parameters)
    places = (float_pair(source), float_pair(target))
    arguments = (floats, *arrays, *places, (inputs, outputs))
    return Launch(linear_sums, images * outputs, WARP, arguments)


def specimens() -> list[Specimen]:
    """The kernel of this file, for compile checks."""
    signature = (FLOATS, FLOATS, FLOATS, PAIR, PAIR, PAIR)
    expects = dict.fromkeys(CAPABILITIES, "FFMA")
    return [Specimen("linear", linear_sums, signature, expects, 48)]
