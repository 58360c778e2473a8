"""`answer`: what a network says of a photo, and how long that took."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bnas.zoo import PackedNetwork, Prediction


@dataclass(frozen=True)
class Answer:
    """A network's answer to one photo.

    Attributes:
        path: The photo.
        top: Its classes, the likeliest first.
        duration_ms: Time to read, resize and classify it.
    """

    path: Path
    top: tuple[Prediction, ...]
    duration_ms: float

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as JSON knows it."""
        top = [
            {"label": each.label, "index": each.index, "confidence": each.confidence}
            for each in self.top
        ]
        return {"path": str(self.path), "top": top, "ms": round(self.duration_ms, 3)}


def warm_up(network: PackedNetwork) -> None:
    """Compile the kernels and plan the buffers, so that no photo's time has that in it."""
    from PIL import Image

    network.predict(Image.new("RGB", (network.preprocessing.size,) * 2))


def answer(network: PackedNetwork, path: Path, top: int) -> Answer:
    """Classify one photo.

    Args:
        network: The network, warmed up.
        path: The photo.
        top: How many classes to tell.

    Raises:
        ImageError: No photo, or none that can be read.
    """
    begun = time.perf_counter()
    predictions = network.predict(path, top=top)
    return Answer(path, predictions, 1e3 * (time.perf_counter() - begun))
