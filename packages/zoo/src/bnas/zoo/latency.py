"""`measure_latency`: how long a packed network takes for one image on this machine."""

from __future__ import annotations

import platform
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import field, frozen

from bnas.zoo.errors import CardError

if TYPE_CHECKING:
    from bnas.zoo.network import PackedNetwork

__all__ = ["Latency", "measure_latency", "processor"]

#: Calls before the clock runs: kernels are compiled, the tape is written, memory is touched.
WARM_UP_CALLS = 5
#: Calls that are timed, unless `SECONDS` are over before.
TIMED_CALLS = 200
#: Seconds of timing after which no further call begins.
SECONDS = 3.0
#: Of a machine's name, on a card.
MAX_NAME_LENGTH = 100


def _is_name(_: object, attribute: Any, value: Any) -> None:
    is_text = isinstance(value, str) and value.isprintable() and value.strip() != ""
    if not is_text or len(str(value)) > MAX_NAME_LENGTH:
        raise CardError(
            f"`{attribute.name}` must be one line of 1 to {MAX_NAME_LENGTH} characters "
            f"(got {value!r:.120})"
        )


def _is_time(_: object, attribute: Any, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e9:
        raise CardError(f"`{attribute.name}` must be a number of milliseconds > 0 (got {value!r})")


@frozen(kw_only=True)
class Latency:
    """How long one image takes, from normalised pixels to logits, on one thread.

    Attributes:
        median_ms: Median of the calls, milliseconds.
        min_ms: The fastest of them.
        machine: What it was measured on.

    Raises:
        CardError: A time that is none, or a name that is none or too long.
    """

    median_ms: float = field(validator=_is_time)
    min_ms: float = field(validator=_is_time)
    machine: str = field(validator=_is_name)

    def __attrs_post_init__(self) -> None:
        """Check the times against each other."""
        if self.min_ms > self.median_ms:
            raise CardError(
                f"`min_ms` must be at most `median_ms` (got {self.min_ms}, {self.median_ms})"
            )


def measure_latency(network: PackedNetwork, *, machine: str | None = None) -> Latency:
    """Time single images on one thread; the machine should have nothing else to do.

    Args:
        network: The network; timed at the size that it is made for.
        machine: Name of this machine; None for that of its processor.

    Returns:
        Median and minimum of up to 200 calls within three seconds.

    Raises:
        CardError: A machine's name that is none or too long.
    """
    size = network.spec.input_size
    image = np.random.default_rng(0).standard_normal((1, 3, size, size)).astype(np.float32)
    # Judged before the measuring.
    named = Latency(median_ms=1, min_ms=1, machine=processor() if machine is None else machine)
    for _ in range(WARM_UP_CALLS):
        network(image, threads=1)
    times_ms: list[float] = []
    end = time.perf_counter() + SECONDS
    while len(times_ms) < TIMED_CALLS and (not times_ms or time.perf_counter() < end):
        start = time.perf_counter()
        network(image, threads=1)
        times_ms.append(1e3 * (time.perf_counter() - start))
    return Latency(
        median_ms=_rounded(statistics.median(times_ms)),
        min_ms=_rounded(min(times_ms)),
        machine=named.machine,
    )


def processor() -> str:
    """Return the name of this machine's processor, as the system tells it."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    name = (names[:1] or [platform.processor()])[0] or platform.machine() or "unknown"
    return name[:MAX_NAME_LENGTH]


def _rounded(time_ms: float) -> float:
    """Keep three digits: more are not of the network."""
    return float(f"{time_ms:.3g}")
