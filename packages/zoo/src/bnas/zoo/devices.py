"""Names of devices: "cpu", "cuda", "cuda:1"."""

from __future__ import annotations

import re

from bnas import binops
from bnas.binops.cuda_probe import is_simulated
from bnas.binops.errors import BackendUnavailableError
from bnas.zoo.errors import DeviceError


def gpu_number(device: object) -> int | None:
    """Return the number of the GPU that a name means, or None for the CPU.

    Args:
        device: "cpu", "cuda", which is the first GPU, or "cuda:N"; torch's devices too.

    Raises:
        DeviceError: No device has this name.
        BackendUnavailableError: GPUs cannot be used here.
    """
    name = str(device)
    found = re.fullmatch(r"cuda(?::(\d+))?", name)
    if name != "cpu" and found is None:
        raise DeviceError(
            f"`device` must be 'cpu', 'cuda' or 'cuda:N' (got {device!r})", device=device
        )
    if found is None:
        return None
    _check_cuda()
    return int(found[1] or 0)


def _check_cuda() -> None:
    """Refuse GPUs where kernels cannot run on them; in Numba's simulator they can."""
    state = binops.backends()["cuda"]
    if not state and not is_simulated():
        raise BackendUnavailableError(
            f"`device` names a GPU, and none can be used: {state.reason}",
            name="cuda",
            reason=state.reason,
        )
