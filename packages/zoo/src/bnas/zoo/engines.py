"""Who computes the logits of a packed network, besides itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bnas.zoo.errors import MissingExtraError
from bnas.zoo.network import PackedNetwork

#: Takes normalised images, float32 (N, 3, H, W), and returns logits, float32 (N, classes).
Engine = Callable[[np.ndarray], np.ndarray]


def torch_engine(network: PackedNetwork) -> Engine:
    """Return the same network as torch computes it, on the CPU.

    Raises:
        MissingExtraError: torch is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError("Networks of torch", "torch") from error
    module = network.to_torch()

    def run(images: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            logits: np.ndarray = module(torch.from_numpy(images)).numpy()
        return logits

    return run
