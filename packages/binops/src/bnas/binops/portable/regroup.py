"""Move the channels of every group to a byte of their own, where groups share bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from bnas.binops.jit import kernel
from bnas.binops.threads import parallel_region

# Below this many bytes a parallel region costs more than it saves.
SERIAL_BYTES = 1 << 18


@kernel()
def _regroup_plane(data: Any, group_channels: Any, out: Any, item: Any) -> None:
    """Cut up to eight neighbouring channels out of one or two planes of bytes."""
    group_bytes = -(-group_channels // 8)
    image, plane = divmod(item, out.shape[1])
    group, byte = divmod(plane, group_bytes)
    channel = group * group_channels + 8 * byte
    used = min(8, group_channels - 8 * byte)
    mask = np.uint8((1 << used) - 1)
    first, shift = divmod(channel, 8)
    low = data[image, first]
    target = out[image, plane]
    for p in range(target.shape[0]):
        target[p] = (low[p] >> np.uint8(shift)) & mask
    if shift + used > 8:
        high = data[image, first + 1]
        for p in range(target.shape[0]):
            target[p] |= (high[p] << np.uint8(8 - shift)) & mask


@kernel()
def _regroup_serial(data: Any, group_channels: Any, out: Any) -> None:
    for item in range(out.shape[0] * out.shape[1]):
        _regroup_plane(data, group_channels, out, item)


@kernel(parallel=True)
def _regroup_parallel(data: Any, group_channels: Any, out: Any) -> None:
    for item in prange(out.shape[0] * out.shape[1]):
        _regroup_plane(data, group_channels, out, np.int64(item))


def regroup(data: np.ndarray, groups: int, group_channels: int, threads: int) -> np.ndarray:
    """Give every group whole bytes.

    Args:
        data: uint8 (N, ceil(groups * group_channels / 8), P), C order.
        groups: Number of groups.
        group_channels: Channels in a group.
        threads: Threads to use.

    Returns:
        uint8 (N, groups * ceil(group_channels / 8), P); `data` itself where it already is so.
    """
    if groups == 1 or group_channels % 8 == 0:
        return data
    planes = groups * -(-group_channels // 8)
    out = np.empty((data.shape[0], planes, data.shape[2]), np.uint8)
    if threads == 1 or out.size < SERIAL_BYTES:
        _regroup_serial(data, group_channels, out)
    else:
        with parallel_region(threads):
            _regroup_parallel(data, group_channels, out)
    return out
