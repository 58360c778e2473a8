"""The packed network as a contender."""

from __future__ import annotations

from typing import Any

import numpy as np

from bnas import zoo
from bnas.tools.bench.jobs import Subject


def make(*, inputs: list[Any], threads: int, weights: str) -> Subject:
    """Return the packed network of a weights file.

    Args:
        inputs: Images, float32 (N, 3, H, W) each.
        threads: For the kernels.
        weights: The file.
    """
    network = zoo.load_file(weights)
    return Subject(
        call=lambda images: network(images, threads=threads), inputs=inputs, output=np.asarray
    )
