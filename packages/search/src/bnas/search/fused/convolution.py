"""Convolutions of streams: live channels are convolved, constant ones become an offset."""

from __future__ import annotations

import torch.nn.functional as functional
from torch import Tensor

from bnas.cells import nodes
from bnas.cells.nn import convolve
from bnas.search.fused.functions import channels_last
from bnas.search.fused.streams import Stream


def convolve_stream(
    stream: Stream, weight: Tensor, node: nodes.Conv | nodes.BinaryConv
) -> tuple[Tensor, Tensor]:
    """Return the convolution (N, O, H', W') and what is still to be added to each filter (O,).

    What padding does to constant channels at the border is computed for one image instead of all.

    Args:
        stream: (N, C', H, W), constants or zeros left out.
        weight: float32 (O, C / groups, K, K).
        node: The geometry.
    """
    geometry = (node.stride, node.padding, node.dilation, node.groups)
    constant = weight.new_zeros(len(weight))
    # Without a live channel too: there is no convolution of none.
    if stream.dead is None or node.groups > 1 or not stream.live.shape[1]:
        return convolve(channels_last(stream.full()), channels_last(weight), *geometry), constant
    result = convolve(stream.live, channels_last(weight[:, ~stream.dead]), *geometry)
    if stream.constants is None:
        return result, constant
    left_out = weight[:, stream.dead]
    if node.padding == 0:
        return result, (left_out.sum(dim=(2, 3)) * stream.constants).sum(dim=1)
    one_image = stream.constants[:, None, None].expand(-1, *stream.live.shape[2:])
    border = functional.conv2d(one_image[None], left_out, None, *geometry)
    return result + border.to(result.dtype), constant
