"""`TapeConv`: one binary convolution as a tape: staging, where it must be, and counting."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from bnas.binops.epilogues import Epilogue, Scale, Threshold
from bnas.binops.geometry import ConvGeometry
from bnas.binops.kernels import Kernels
from bnas.binops.portable import KERNELS as PORTABLE
from bnas.binops.portable.conv import PortableConv
from bnas.binops.portable.regroup import regroup
from bnas.binops.table.emitters import QUAD
from bnas.binops.table.isa import ISAS, Isa
from bnas.binops.table.planes import layout_for
from bnas.binops.table.quads import MAX_VECTORS
from bnas.binops.tape.builder import TapeBuilder
from bnas.binops.tape.convolution import MAX_DOT_LENGTH, ConvWriter, add_stage
from bnas.binops.tape.plane_set import PlaneSet, add_planes
from bnas.binops.tape.pointers import PORT, SPACES, Pointer
from bnas.binops.tape.sliced_convolution import PackedBits, reads_packed

#: Vectors of eight bit-operations a pixel, below which a parallel region costs more than it saves.
SERIAL_VECTORS = 1 << 16


class TapeConv:
    """A convolution with its weights and epilogues prepared for the vector kernels.

    Args:
        isa: The instruction set.
        geometry: The sizes.
        weights: uint8 (O, group bytes, KH, KW), the signs, packed along the input channels.
        epilogues: What is made of the counts.
    """

    def __init__(
        self,
        isa: Isa,
        geometry: ConvGeometry,
        weights: np.ndarray,
        epilogues: tuple[Epilogue, ...],
    ) -> None:
        """Write the tape."""
        self._geometry = geometry
        pixels = geometry.out_size[0] * geometry.out_size[1]
        builder = TapeBuilder(isa, MAX_VECTORS if pixels <= isa.lanes else 1)
        in_pixels = geometry.in_size[0] * geometry.in_size[1]
        in_bytes = geometry.groups * geometry.group_bytes
        if geometry.groups == 1:
            in_bytes = -(-geometry.in_channels // 8)
        self._in_bytes = in_bytes * in_pixels
        source = Pointer(PORT, 0, self._in_bytes)
        planes: PlaneSet | PackedBits
        if reads_packed(isa, geometry):
            planes = PackedBits(source)
        else:
            layout = layout_for(geometry)
            # The staging sets the padding, every time: the arena is fresh.
            planes = add_planes(builder, layout, builder.reserve(layout.image_bytes))
            add_stage(builder, source, planes, geometry.groups)
        writer = ConvWriter(builder, geometry, weights, planes)
        for index, part in enumerate(epilogues):
            self._add(writer, part, Pointer(PORT + 1 + index, 0), pixels)
        writer.write()
        self._tape = builder.build()
        self._quads = -(-geometry.out_channels // QUAD)
        self._vectors = -(-pixels // isa.lanes) * geometry.out_channels * geometry.dot_length // 8

    def _add(self, writer: ConvWriter, part: Epilogue, target: Pointer, pixels: int) -> None:
        """Add an epilogue that writes to a port."""
        channels = self._geometry.out_channels
        if isinstance(part, Threshold):
            target = target._replace(step=-(-channels // 8) * pixels)
            writer.add_bits(part.threshold, part.flip, target, pixels)
            return
        target = target._replace(step=4 * channels * pixels)
        if isinstance(part, Scale):
            writer.add_floats(
                part.scale, target, 4 * pixels, relu=part.relu, accumulate=part.accumulate
            )
        else:
            writer.add_counts(target, 4 * pixels)

    def __call__(self, data: np.ndarray, outputs: Sequence[np.ndarray], threads: int) -> None:
        """Run it: see `bnas.binops.kernels.ConvKernel`."""
        geometry = self._geometry
        if geometry.groups > 1:
            flat = data.reshape(*data.shape[:2], -1)
            data = regroup(flat, geometry.groups, geometry.group_channels, threads)
        images = len(data)
        if images * self._vectors < SERIAL_VECTORS:
            threads = 1
        if threads == 1 and len(outputs) == 1 and outputs[0].flags.c_contiguous:
            self._tape.run_once(data, outputs[0])
            return
        # Slices of larger arrays are written whole and copied.
        whole = [array if array.flags.c_contiguous else array.copy() for array in outputs]
        ports = np.empty((1 + len(whole), 2), np.int64)
        ports[0] = data.ctypes.data, self._in_bytes
        for index, array in enumerate(whole):
            ports[1 + index] = array.ctypes.data, array.nbytes // images
        blocks = self._blocks(images, threads)
        # Whole sets of blocks, and no more lanes than threads.
        lanes = max(1, min(images, threads // blocks)) * blocks if threads > 1 else 1
        self._tape.run(self._tape.arena(lanes), ports, images, lanes, blocks=blocks)
        for array, written in zip(outputs, whole, strict=True):
            if array is not written:
                array[...] = written

    def _blocks(self, images: int, threads: int) -> int:
        """Blocks of output channels: only where there are fewer images than threads.

        A block is of whole bytes of bits, so that no two threads write one byte.
        """
        if images >= threads:
            return 1
        return min(threads // images, -(-self._quads // 2))


def conv2d(
    isa: Isa, geometry: ConvGeometry, weights: np.ndarray, epilogues: tuple[Epilogue, ...]
) -> TapeConv | PortableConv:
    """Prepare a convolution.

    The portable kernel takes dot products that leave 16 bits, and more outputs than tapes name.
    """
    if geometry.dot_length > MAX_DOT_LENGTH or PORT + 1 + len(epilogues) > SPACES:
        return PortableConv(geometry, weights, epilogues)
    return TapeConv(isa, geometry, weights, epilogues)


def kernels(name: str) -> Kernels:
    """The kernels of one instruction set.

    Args:
        name: Key of `ISAS`.

    Returns:
        The convolution of tapes; what is not generated yet is the portable kernel.
    """
    return Kernels(
        pack_planes=PORTABLE.pack_planes,
        gemm=PORTABLE.gemm,
        conv2d=functools.partial(conv2d, ISAS[name]),
        max_pool2d=PORTABLE.max_pool2d,
    )
