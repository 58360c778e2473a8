"""The progress bar of a measurement of accuracy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bnas.tools.tables import progress_bar

if TYPE_CHECKING:
    from bnas.zoo.evaluate import Evaluation


@contextmanager
def evaluation_bar(*, shown: bool = True) -> Iterator[Callable[[Evaluation, int], None]]:
    """Show a bar on stderr; yields what `bnas.zoo.evaluate.evaluate` reports its progress to.

    Args:
        shown: Whether there is a bar; there is none beside that of another process.
    """
    bar = progress_bar(
        "top-1 {task.fields[top1]:.1f} %", "{task.fields[images_per_s]:.0f} images/s"
    )
    bar.disable = bar.disable or not shown
    with bar:
        task = bar.add_task("evaluating", total=None, top1=0.0, images_per_s=0.0)

        def show(so_far: Evaluation, total: int) -> None:
            bar.update(
                task,
                total=total,
                completed=so_far.images,
                top1=so_far.top1,
                images_per_s=so_far.images_per_s,
            )

        yield show
