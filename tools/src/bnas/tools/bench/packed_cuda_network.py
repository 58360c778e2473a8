"""The packed network on a GPU as a contender."""

from __future__ import annotations

import contextlib
import importlib
from typing import Any

import numpy as np

from bnas import zoo
from bnas.tools.bench.device_time import UsedMemory, device_ms
from bnas.tools.bench.jobs import Subject


def make(*, inputs: list[Any], threads: int, weights: str) -> Subject:
    """Return the packed network of a weights file on the first GPU.

    Args:
        inputs: Images, float32 (N, 3, H, W) each; changed to arrays on the GPU in place.
        threads: Does not matter: kernels are queued by one.
        weights: The file.
    """
    from numba import cuda

    del threads
    with contextlib.suppress(ImportError):
        # Where torch is, real convolutions go through cuDNN, as they will for those who have it.
        importlib.import_module("torch")
    for index, array in enumerate(inputs):
        inputs[index] = cuda.to_device(np.ascontiguousarray(array))
    cuda.synchronize()
    # The arena of a batch stays, so what is taken after the first call is the peak.
    memory = UsedMemory()
    network = zoo.load_file(weights).to("cuda")

    def call(images: Any) -> Any:
        logits = network(images)
        cuda.synchronize()
        return logits

    return Subject(
        call=call,
        inputs=inputs,
        output=lambda logits: np.asarray(logits.copy_to_host()),
        note="CUDA graph",
        seconds=lambda images: device_ms(lambda: network(images)) / 1e3,
        peak_mb=memory.megabytes,
    )
