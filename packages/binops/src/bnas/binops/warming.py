"""Compile kernels before they are needed, so that later processes find them on disk."""

from __future__ import annotations

import time


def warm_up() -> float:
    """Compile, or load, all that a packed network runs on this CPU, for one thread and for several.

    What is compiled goes to Numba's disk cache; a second process takes it from there in a fraction
    of a second.

    Returns:
        Seconds that it took.

    Raises:
        UnknownBackendError: ``BNAS_BINOPS_BACKEND`` names none.
        BackendUnavailableError: It names one that cannot be used here.

    Examples:
        >>> warm_up() >= 0
        True
    """
    import numpy as np

    from bnas.binops import Conv2d, Threshold, gemm, max_pool2d, pack
    from bnas.binops.tape import load_operations

    started = time.perf_counter()
    # More than one image and one block, so that the parallel forms run where there are threads.
    bits = pack(np.ones((64, 16, 16, 16), np.float32))
    weights = np.ones((16, 16, 3, 3), np.float32)
    cut = Threshold(np.zeros(16, np.int32), np.zeros(16, bool))
    for threads in (1, None):
        for epilogue in ("int32", cut):
            Conv2d(weights, bits.shape, padding=1, epilogue=epilogue)(bits, threads=threads)
        gemm(weights.reshape(16, -1), weights.reshape(16, -1), threads=threads)
        max_pool2d(bits, 2, threads=threads)
    load_operations()
    return time.perf_counter() - started
