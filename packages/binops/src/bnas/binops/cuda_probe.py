"""Whether kernels can run on a GPU here, and if not, why not, in one line."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import sys

from bnas.binops.cuda_driver import LIBRARY, NO_DEVICE, Driver, DriverError

#: The least compute capability that kernels are compiled for.
LEAST_CAPABILITY = (7, 5)
_SIMULATOR = "NUMBA_ENABLE_CUDASIM"
# Distributions that bring the compiler's library; their versions are those of the toolkit.
_TOOLKITS = ("nvidia-nvvm", "nvidia-cuda-nvcc", "nvidia-cuda-nvcc-cu12")


def is_simulated() -> bool:
    """Whether Numba's CUDA simulator is switched on, in which kernels run as Python."""
    if "numba" in sys.modules:
        from numba.core import config

        return bool(config.ENABLE_CUDASIM)
    return os.environ.get(_SIMULATOR, "0") not in ("", "0")


def cuda_obstacle() -> str:
    """Say what stands between this installation and kernels on the GPU.

    The driver is asked by itself, and Numba's part loaded only where a GPU answers.

    Returns:
        One line; empty if nothing does.
    """
    if importlib.util.find_spec("numba_cuda") is None:
        return 'numba-cuda is not installed; install it: pip install "bnas-binops[cuda]"'
    if is_simulated():
        return f"Numba's CUDA simulator is switched on; unset {_SIMULATOR} to use a GPU"
    try:
        driver = Driver()
    except OSError:
        return f"no NVIDIA driver was found ({LIBRARY} cannot be loaded); install one"
    try:
        found = _driver_obstacle(driver)
    except DriverError as error:
        if error.__dict__.get("code") == NO_DEVICE:
            return "the NVIDIA driver finds no GPU"
        found = f"the GPU cannot be used; its driver says: {error}"
    return _one_line(found or _compiler_obstacle())


def _driver_obstacle(driver: Driver) -> str:
    """Say what the driver lacks."""
    version, toolkit = driver.version(), _toolkit()
    # Within a major version a driver runs what a newer toolkit makes; across, only an older one's.
    if toolkit and version[0] < toolkit[0]:
        return (
            f"the NVIDIA driver is too old: it runs CUDA {version[0]}.{version[1]}, and kernels "
            f"are compiled by the toolkit {toolkit[0]}.{toolkit[1]}; update the driver, or install "
            f'an older toolkit: pip install "numba-cuda[cu{version[0]}]"'
        )
    driver.start()
    capabilities = [driver.capability(device) for device in range(driver.count())]
    if not capabilities:
        return "the NVIDIA driver finds no GPU"
    most = max(capabilities)
    if most < LEAST_CAPABILITY:
        return (
            f"the GPU is too old: its compute capability is {most[0]}.{most[1]}, and kernels need "
            f"{LEAST_CAPABILITY[0]}.{LEAST_CAPABILITY[1]} or newer"
        )
    driver.touch(capabilities.index(most))
    return ""


def _toolkit() -> tuple[int, int] | None:
    """Version of the toolkit that compiles kernels; None if it did not come as a distribution."""
    for name in _TOOLKITS:
        try:
            parts = importlib.metadata.version(name).split(".")
        except importlib.metadata.PackageNotFoundError:
            continue
        return int(parts[0]), int(parts[1])
    return None


def _compiler_obstacle() -> str:
    """Say why numba-cuda cannot compile; it loads its libraries when it is imported."""
    try:
        from numba.cuda.cudadrv.nvvm import NVVM

        NVVM()
    # Whatever a broken installation raises is the answer: this must never raise.
    except Exception as error:
        return (
            f"numba-cuda cannot compile ({type(error).__name__}: {error}); install the toolkit: "
            'pip install "bnas-binops[cuda]"'
        )
    return ""


def _one_line(text: str) -> str:
    """Join lines."""
    return " ".join(text.split())
