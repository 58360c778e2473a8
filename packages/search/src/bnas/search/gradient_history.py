"""`GradientHistory`: the sums of |gradient| of a run, and how they are written and read."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from bnas.search.errors import RecordError, reason_of

GRADIENTS_NAME = "gradients.csv"
#: What the weights of a convolution are.
KINDS = ("real", "binary")
_COLUMNS = ("epoch", "index", "layer", "kind", "sum_abs_gradient")


def _as_names(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(names)


def _as_epochs(epochs: Iterable[int]) -> tuple[int, ...]:
    return tuple(epochs)


def _as_values(value: object) -> NDArray[np.float64]:
    return np.asarray(value, dtype=np.float64)


@frozen(eq=False)
class GradientHistory:
    """How large the gradients of the convolutions of a network were, epoch by epoch.

    A value is the sum of |gradient| over the weights of a layer, of the gradient that the optimizer
    is given, but before clipping and without weight decay; its mean over the steps of the epoch.
    Of latent weights the gradient holds the authors' factor if the recipe wants it, and under
    ``torchrun`` it is the average over all processes.

    Attributes:
        layers: Names of the convolutions in the order of the graph.
        kinds: Of each, ``"real"`` or ``"binary"``: what its weights are.
        epochs: From 0, rising; an epoch of which not every step was recorded is not there.
        values: float64 (epochs, layers), >= 0.

    Raises:
        ValueError: The shapes do not fit together.

    References:
        ECCV 2020 BNAS, Figure 4; supplement, Section 3.1, Figure 5 and Table 2.
    """

    layers: tuple[str, ...] = field(converter=_as_names)
    kinds: tuple[str, ...] = field(converter=_as_names)
    epochs: tuple[int, ...] = field(converter=_as_epochs)
    values: NDArray[np.float64] = field(converter=_as_values)

    def __attrs_post_init__(self) -> None:
        """Check the shapes."""
        shape = (len(self.epochs), len(self.layers))
        if self.values.shape != shape or len(self.kinds) != len(self.layers):
            raise ValueError(
                f"`values` must be of shape {shape}, and `kinds` one a layer "
                f"(got {self.values.shape}, {len(self.kinds)} kinds)"
            )

    def at(self, epoch: int) -> NDArray[np.float64]:
        """Return the values of an epoch.

        Returns:
            float64 (layers,).

        Raises:
            ValueError: The epoch was not recorded.
        """
        if epoch not in self.epochs:
            shown = f"{self.epochs[0]} to {self.epochs[-1]}" if self.epochs else "none"
            raise ValueError(f"`epoch` must be one that was recorded, {shown} (got {epoch})")
        row: NDArray[np.float64] = self.values[self.epochs.index(epoch)]
        return row

    def to_csv(self) -> str:
        """Return a header and one line for every epoch and layer; floats come back bit for bit."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for epoch, row in zip(self.epochs, self.values.tolist(), strict=True):
            layers = zip(self.layers, self.kinds, row, strict=True)
            writer.writerows((epoch, index, *layer) for index, layer in enumerate(layers))
        return text.getvalue()


def read_gradients(path: str | Path) -> GradientHistory:
    """Read the ``gradients.csv`` of a run, or that in the directory of a run.

    Args:
        path: The file or the directory.

    Raises:
        RecordError: It cannot be read, or is something else; the line is named.
    """
    path = Path(path)
    path = path / GRADIENTS_NAME if path.is_dir() else path
    try:
        rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RecordError(f"{path} cannot be read ({reason_of(error)})", path) from error
    if not rows or tuple(rows[0]) != _COLUMNS:
        _refuse(path, 1, f"the header {','.join(_COLUMNS)}", rows[:1])
    layers: list[tuple[str, str]] = []
    epochs: dict[int, list[float]] = {}
    for line, row in enumerate(rows[1:], start=2):
        epoch, index, layer, kind, value = _numbers(path, line, row)
        values = epochs.setdefault(epoch, [])
        if len(epochs) == 1:
            layers.append((layer, kind))
        if index != len(values) or index >= len(layers) or layers[index] != (layer, kind):
            _refuse(path, line, "the next layer of its epoch", row)
        values.append(value)
    if any(len(values) != len(layers) for values in epochs.values()):
        _refuse(path, len(rows), f"the last of {len(layers)} layers", rows[-1])
    names, kinds = zip(*layers, strict=True) if layers else ((), ())
    array = np.array(list(epochs.values()), dtype=np.float64).reshape(len(epochs), len(layers))
    return GradientHistory(names, kinds, tuple(epochs), array)


def _numbers(path: Path, line: int, row: list[str]) -> tuple[int, int, str, str, float]:
    try:
        epoch, index, layer, kind, value = row
        found = int(epoch), int(index), layer, kind, float(value)
    except ValueError:
        _refuse(path, line, "five values, as the header names them", row)
    if kind not in KINDS or math.isnan(found[4]) or found[4] < 0:
        _refuse(path, line, f"a kind of {KINDS} and a sum >= 0", row)
    return found


def _refuse(path: Path, line: int, wanted: str, found: object) -> NoReturn:
    raise RecordError(
        f"{path} must hold the sums of |gradient| of a run; line {line} must be {wanted} "
        f"(got {str(found)[:80]})",
        path,
    )
