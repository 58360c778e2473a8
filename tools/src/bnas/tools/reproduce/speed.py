"""How much faster a packed network is than the same network in float32, measured here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attrs import field, frozen

from bnas import cells
from bnas.tools.reproduce.context import Context

if TYPE_CHECKING:
    from bnas.tools.bench import Findings

#: The network of bits, and what it is compared with: the same pruned network, weights and images.
PACKED = "packed"
FLOAT_RUNTIMES = ("torch", "onnxruntime")
#: How times are taken, for captions. Medians, not minima: where other work disturbs the machine, a
#: call of a millisecond finds a quiet moment and one of a quarter of a second does not.
CONDITIONS = (
    "one image on one CPU thread, random weights, each runtime in a process of its own, in turns; "
    "the time is the median of the calls"
)


@frozen
class Speed:
    """The times of one network.

    Attributes:
        label: What the network is called.
        packed_ms: Of the packed network, milliseconds; None where it was not timed.
        float_ms: Runtime -> milliseconds of the float network on it; those that were timed.
        left_out: Runtime -> why it was not timed, one line.
    """

    label: str
    packed_ms: float | None
    float_ms: dict[str, float] = field(factory=dict)
    left_out: dict[str, str] = field(factory=dict)

    @property
    def fastest(self) -> str | None:
        """The fastest float runtime, the one to beat."""
        return min(self.float_ms, key=lambda name: self.float_ms[name], default=None)

    def speed_up(self, runtime: str | None, counterpart: Speed | None = None) -> float | None:
        """Return how many times longer a float network takes than this packed one.

        Args:
            runtime: Of the float network; None, or one that was not timed, gives None.
            counterpart: Whose float network; default: of this network itself.
        """
        float_ms = (counterpart or self).float_ms.get(runtime or "")
        if float_ms is None or self.packed_ms is None:
            return None
        return float_ms / self.packed_ms


def measure_speed(context: Context, label: str, spec: cells.Spec) -> Speed:
    """Time a network packed and in float32; once in a reproduction.

    Args:
        context: Of the reproduction.
        label: What the network is called; its name need not be known.
        spec: The network.
    """
    return context.once(
        ("speed", spec), lambda: _measure(context, label, spec, (PACKED, *FLOAT_RUNTIMES))
    )


def measure_float(context: Context, label: str, spec: cells.Spec) -> Speed:
    """Time the float twin of a network alone; once in a reproduction.

    Args:
        context: Of the reproduction.
        label: What the network is called.
        spec: The network, no twin itself.
    """
    return context.once(
        ("speed of the float twin", spec),
        lambda: _measure(context, label, cells.FloatTwin(spec), FLOAT_RUNTIMES),
    )


def speed_of(label: str, findings: Findings) -> Speed:
    """Return what measurements of one network come to.

    Args:
        label: What the network is called.
        findings: For one batch and one number of threads.
    """
    times_ms = {record.runtime: record.median_ms for record in findings.records}
    packed_ms = times_ms.pop(PACKED, None)
    return Speed(
        label, packed_ms, times_ms, {each.runtime: each.reason for each in findings.skipped}
    )


def left_out_note(speeds: Sequence[Speed]) -> str | None:
    """Return a sentence on what could not be timed, or None."""
    reasons = {
        f"{speed.label} on {runtime} ({reason})"
        for speed in speeds
        for runtime, reason in speed.left_out.items()
    }
    return f"Not timed: {'; '.join(sorted(reasons))}." if reasons else None


def _measure(context: Context, label: str, spec: cells.Spec, runtimes: tuple[str, ...]) -> Speed:
    from bnas.tools.bench import Plan, bench_network, read_runtimes
    from bnas.tools.bench.random_weights import random_network

    context.tell(f"timing {label}: {', '.join(runtimes)}")
    network = random_network(spec)
    plan = Plan(read_runtimes(runtimes), rounds=context.scale.bench_rounds)
    return speed_of(label, bench_network(network, label, spec.input_size, plan))
