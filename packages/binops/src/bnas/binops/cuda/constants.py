"""Constants on a GPU: copied once, before whatever stream a kernel reads them on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda


def upload(values: np.ndarray) -> Any:
    """Copy an array to the current GPU, and wait until it is there.

    A copy from ordinary memory may return before its end, and the streams of other libraries do not
    wait for the default one, on which it is.

    Args:
        values: In C order.

    Returns:
        A device array.
    """
    made = cuda.to_device(values)
    cuda.synchronize()
    return made
