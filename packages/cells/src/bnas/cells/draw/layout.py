"""From the structure of a cell to a drawing of it, without title and legend."""

from __future__ import annotations

from bnas.cells.draw import style
from bnas.cells.draw.grid import Grid
from bnas.cells.draw.lanes import lanes
from bnas.cells.draw.records import Box, Drawing, Label
from bnas.cells.draw.structure import CellStructure
from bnas.cells.draw.wires import wires


def lay_out(structure: CellStructure, *, height: float = 0.0) -> Drawing:
    """Return the drawing of a cell: inputs at the bottom, c(k) on top, skips around the outside.

    Args:
        structure: The cell.
        height: Height that it is to fill, in points, as far as the rows can stand apart.

    Returns:
        A drawing whose lower left corner is at (0, 0), without margins.
    """
    grid = Grid(structure, height)
    skips, carriers = lanes(grid)
    boxes = [_box(grid, name, grid.x[name], grid.y[name]) for name in grid.rows.rank]
    boxes += [_box(grid, name, x, y) for name, (x, y) in carriers.items()]
    drawing = Drawing(
        width=0.0,
        height=0.0,
        boxes=tuple(boxes),
        lines=(*wires(grid), *skips),
        labels=tuple(_note(grid, name) for name in grid.rows.rank if grid.sizes[name].note),
        description=structure.describe(),
    )
    return drawing.cropped()


def _box(grid: Grid, name: str, x: float, y: float) -> Box:
    vertex, size = grid.structure.vertex(name), grid.sizes[name]
    return Box(
        name=name,
        shape=size.shape,
        tone=vertex.tone,
        label=vertex.label,
        lines=size.lines,
        x=x,
        y=y,
        width=size.width,
        height=size.height,
        slots=vertex.slots,
    )


def _note(grid: Grid, name: str) -> Label:
    size = grid.sizes[name]
    x = grid.x[name] + size.note_offset
    return Label(size.note, x, grid.y[name], style.SMALL_SIZE, style.MUTED)
