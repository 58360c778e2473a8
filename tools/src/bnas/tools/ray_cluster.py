"""`join_cluster`: the machines of Ray that there are.

Ray reads RAY_ADDRESS for the cluster's address; without it, the cluster is this machine, as long as
the work takes.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator

from attrs import frozen

#: Ray's own: paths are relative to where the command was given, nobody else is told of it, and
#: there are no boxes and tables beside the sweep's.
_SETTINGS = {
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
}


@frozen
class Cluster:
    """What work runs on.

    Attributes:
        processors: Of each machine.
        has_gpu: Whether there is any GPU.
    """

    processors: tuple[int, ...]
    has_gpu: bool

    def share(self, workers: int) -> int:
        """Return the processors of each of some workers at once; one machine has them."""
        return max(min(sum(self.processors) // workers, max(self.processors)), 1)


@contextlib.contextmanager
def join_cluster() -> Iterator[Cluster]:
    """Join the cluster that RAY_ADDRESS names, or begin one on this machine."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    import ray

    is_ours = not ray.is_initialized()
    if is_ours:
        address = os.environ.get("RAY_ADDRESS") or "local"
        ray.init(address, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    try:
        nodes = [each["Resources"] for each in ray.nodes() if each["Alive"]]
        yield Cluster(
            tuple(int(each.get("CPU", 0)) for each in nodes) or (1,),
            any(each.get("GPU", 0) for each in nodes),
        )
    finally:
        if is_ours:
            ray.shutdown()
