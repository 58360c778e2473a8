"""From a count to a float: scale and activation, each operation rounded by itself."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numba import cuda

from bnas.binops.cuda.warp import add_rn, multiply_rn

_ZERO = np.float32(0)


@functools.cache
def scaled_activation(activation: str) -> Any:
    """Return a device function (count, channel, reals, channels) -> float32.

    `reals` holds the scale of `channels` channels, then the arrays of parameters. Both numbers are
    uint64: Numba looks whether a signed index is negative, at every access.

    Args:
        activation: "none", "relu", "rprelu" or "affine".
    """

    @cuda.jit(device=True)
    def none(count: Any, channel: Any, reals: Any, channels: Any) -> Any:
        return multiply_rn(np.float32(count), reals[channel])

    @cuda.jit(device=True)
    def relu(count: Any, channel: Any, reals: Any, channels: Any) -> Any:
        value = multiply_rn(np.float32(count), reals[channel])
        return value if value > _ZERO else _ZERO

    @cuda.jit(device=True)
    def rprelu(count: Any, channel: Any, reals: Any, channels: Any) -> Any:
        value = multiply_rn(np.float32(count), reals[channel])
        shifted = add_rn(value, -reals[channels + channel])
        if shifted < _ZERO:
            shifted = multiply_rn(shifted, reals[channels + channels + channel])
        return add_rn(shifted, reals[channels + channels + channels + channel])

    @cuda.jit(device=True)
    def affine(count: Any, channel: Any, reals: Any, channels: Any) -> Any:
        value = multiply_rn(np.float32(count), reals[channel])
        value = multiply_rn(value, reals[channels + channel])
        return add_rn(value, reals[channels + channels + channel])

    return {"none": none, "relu": relu, "rprelu": rprelu, "affine": affine}[activation]
