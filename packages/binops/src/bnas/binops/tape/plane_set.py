"""The planes of one value in an arena."""

from __future__ import annotations

import attrs
import numpy as np

from bnas.binops.table.planes import MARGIN, PADDING, PlaneLayout
from bnas.binops.tape.builder import TapeBuilder
from bnas.binops.tape.pointers import NOWHERE, Pointer


@attrs.frozen(eq=False)
class PlaneSet:
    """The planes of one value in an arena.

    Args:
        layout: How they lie.
        at: The start of the first plane.
        columns: int64, the horizontal positions.
        masks: uint8, see `PlaneLayout.masks`; nowhere if the layout is not plain.
        mask_bytes: Bytes of one mask.
        record: Index of its PLANES record; -1 if the layout is not plain.
    """

    layout: PlaneLayout
    at: Pointer
    columns: Pointer
    masks: Pointer
    mask_bytes: int
    record: int

    @property
    def group_bytes(self) -> int:
        """Bytes of the planes of one group of channels."""
        return len(self.layout.columns) * self.layout.plane_bytes

    def pixels(self) -> Pointer:
        """Pixel 0 of the first group's plane of column 0."""
        plane = self.layout.columns.index(0) * self.layout.plane_bytes
        return self.at.plus(plane + self.layout.start)


def add_planes(builder: TapeBuilder, layout: PlaneLayout, at: Pointer | None = None) -> PlaneSet:
    """Reserve planes, their padding set.

    Args:
        builder: The tape.
        layout: How they lie.
        at: Where, if not in memory of their own.
    """
    at = at or builder.reserve(layout.image_bytes, fill=PADDING)
    columns = builder.constant(np.array(layout.columns, np.int64))
    if not layout.is_plain or max(map(abs, layout.columns)) > MARGIN:
        return PlaneSet(layout, at, columns, NOWHERE, 0, -1)
    masks = layout.masks(builder.isa.lanes)
    masks_at = builder.constant(masks).plus(MARGIN)
    planes = PlaneSet(layout, at, columns, masks_at, masks.shape[1], -1)
    return attrs.evolve(planes, record=add_planes_record(builder, planes))


def add_planes_record(builder: TapeBuilder, planes: PlaneSet, group: int = 0) -> int:
    """Write where bits go, from one group of channels on, and return the record's index."""
    layout = planes.layout
    return builder.record(
        "planes",
        at=planes.at.plus(layout.start + group * planes.group_bytes),
        step=planes.at.step,
        group_bytes=planes.group_bytes,
        plane_bytes=layout.plane_bytes,
        columns_at=planes.columns,
        columns=len(layout.columns),
        masks_at=planes.masks,
        mask_bytes=planes.mask_bytes,
    )
