"""What becomes of a float by itself, each operation rounded by itself; and of a scaled count.

The functions take (value, parameters, channel, channels): `parameters` holds arrays of `channels`
channels, one behind the other, and `channel` is the place of the value's in the first of them.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numba import cuda

from bnas.binops.cuda.warp import add_rn, multiply_rn

_ZERO = np.float32(0)


@cuda.jit(device=True)
def _none(value: Any, parameters: Any, channel: Any, channels: Any) -> Any:
    return value


@cuda.jit(device=True)
def _affine(value: Any, parameters: Any, channel: Any, channels: Any) -> Any:
    return add_rn(multiply_rn(value, parameters[channel]), parameters[channels + channel])


@cuda.jit(device=True)
def _relu(value: Any, parameters: Any, channel: Any, channels: Any) -> Any:
    return value if value > _ZERO else _ZERO


@cuda.jit(device=True)
def _rprelu(value: Any, parameters: Any, channel: Any, channels: Any) -> Any:
    shifted = add_rn(value, -parameters[channel])
    if shifted < _ZERO:
        shifted = multiply_rn(shifted, parameters[channels + channel])
    return add_rn(shifted, parameters[channels + channels + channel])


#: Activation -> device function.
FUNCTIONS = {"none": _none, "relu": _relu, "rprelu": _rprelu, "affine": _affine}


@functools.cache
def scaled_activation(activation: str) -> Any:
    """Return a device function (count, channel, reals, channels) -> float32.

    `reals` holds the scale of `channels` channels, then the arrays of parameters. Both numbers are
    uint64: Numba looks whether a signed index is negative, at every access.

    Args:
        activation: "none", "relu", "rprelu" or "affine".
    """
    function = FUNCTIONS[activation]

    @cuda.jit(device=True)
    def activated(count: Any, channel: Any, reals: Any, channels: Any) -> Any:
        value = multiply_rn(np.float32(count), reals[channel])
        return function(value, reals, channels + channel, channels)

    return activated
