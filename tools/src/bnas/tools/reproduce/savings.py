"""Table 4 of the supplement: what networks save by the paper's rule, as deployed, and in time."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from bnas import cells
from bnas.tools.reproduce import published
from bnas.tools.reproduce.checks import Check, told, verdict_of
from bnas.tools.reproduce.context import Context
from bnas.tools.reproduce.memory_of_f import memory_table, memory_text
from bnas.tools.reproduce.published import Savings, deviation_percent
from bnas.tools.reproduce.section import Section, Table
from bnas.tools.reproduce.speed import CONDITIONS, Speed, left_out_note, measure_speed

#: A network saves as much as another with at least this share of it.
COMPARABLE = 0.95
#: A count is the published one where it lies no farther from it, percent; the paper's rule was
#: recovered from these very figures, of which BNAS-H's are the farthest.
TOLERANCE_PERCENT = 6.0
#: Unit of FLOPs in the supplement's tables.
FLOPS_UNIT = 1e8

COUNTED = ("FLOPs, 1e8", "memory saving", "speed-up, counted")
#: Networks of ours and of Bi-Real with about the same FLOPs in the supplement's Table 4.
_RIVALS = (("BNAS-E", "Bi-Real-18"), ("BNAS-G", "Bi-Real-34"))


@frozen
class Counted:
    """What a rule counts of a network, in the order of the table's columns.

    Attributes:
        flops: Real MACs and a 64th of the binary ones, in units of 1e8.
        memory_saving: Times less memory than the float counterpart's.
        speed_up: Times fewer operations.
    """

    flops: float
    memory_saving: float
    speed_up: float

    @classmethod
    def of(cls, told: cells.CostReport | Savings) -> Counted:
        """Return the three of a report or of a published row."""
        return cls(told.flops / FLOPS_UNIT, told.memory_saving, told.speed_up)

    @property
    def values(self) -> tuple[float, float, float]:
        """The three."""
        return self.flops, self.memory_saving, self.speed_up


def table4(context: Context) -> Section:
    """Return the savings of the ImageNet networks: counted by two rules, and measured.

    Args:
        context: Of the reproduction.
    """
    names = tuple(published.TABLE_4)
    counted = counted_table(names)
    speeds = {name: measure_speed(context, name, cells.spec(name)) for name in names}
    far = far_from_published(counted)
    checks = [_within(counted, far), *judge_rivals(speeds)]
    notes = [
        memory_text(TOLERANCE_PERCENT),
        memory_table(),
        deployed_table(speeds),
        rivals_text(speeds),
        left_out_note(list(speeds.values())),
    ]
    return Section(
        target="table4",
        title="Table 4: memory saving and speed-up on ImageNet",
        claim="Against their own float counterparts, BNAS-D to H take 13.9 to 30.4 times less "
        "memory and are 19.3 to 24.8 times faster, both by counting, which is higher than or "
        "comparable to Bi-Real's networks of as many FLOPs (Section 4, Table 4).",
        verdict=verdict_of(checks),
        finding=_finding(checks, far, speeds),
        parts=(counted, *(note for note in notes if note is not None)),
    )


def judge_rivals(speeds: dict[str, Speed]) -> list[Check]:
    """Return whether networks of ours are comparable to Bi-Real's, by every measure.

    Args:
        speeds: Network -> its times.
    """
    checks = []
    for ours, other in _RIVALS:
        for rule in ("paper", "deployed"):
            mine, its = (cells.cost(cells.spec(name), rule=rule) for name in (ours, other))
            for what, one, rival in (
                ("saves as much memory as", mine.memory_saving, its.memory_saving),
                ("is counted as much faster as", mine.speed_up, its.speed_up),
            ):
                holds = one >= COMPARABLE * rival
                numbers = f"{one:.2f} and {rival:.2f}"
                checks.append(Check(f"{ours} {what} {other}, rule `{rule}` ({numbers})", holds))
        gains = [speeds[name].speed_up(speeds[name].fastest) for name in (ours, other)]
        if None not in gains:
            holds = gains[0] >= COMPARABLE * gains[1]  # type: ignore[operator]
            numbers = f"{gains[0]:.2f} and {gains[1]:.2f}"
            checks.append(Check(f"{ours} is measured as much faster as {other} ({numbers})", holds))
    return checks


def _within(counted: Table, far: list[tuple[str, str, float]]) -> Check:
    total = len(counted.rows) * len(COUNTED)
    return Check(
        f"all counts lie within {TOLERANCE_PERCENT:g} % of the published ones ({total - len(far)} "
        f"of {total} do)",
        not far,
    )


def counted_table(names: tuple[str, ...]) -> Table:
    """Return the counts by the paper's rule beside the published ones.

    Args:
        names: Keys of `published.TABLE_4`.
    """
    columns = tuple(f"{name}{end}" for name in COUNTED for end in ("", ", published", ", off by %"))
    rows = []
    for name in names:
        told = published.TABLE_4[name]
        ours = Counted.of(cells.cost(cells.spec(name), rule="paper"))
        rows.append((name, *beside(ours, Counted.of(told)), told.source))
    caption = (
        "Counted by the paper's rule (`bnas-tools cost NAME --rule paper`) beside the published "
        "values; the last column of each three is the deviation from them in percent. Bi-Real's "
        "published values are those of its own paper's Table 3, which the supplement quotes."
    )
    header = ("network", *columns)
    return Table("table4", (*header, "source"), tuple(rows), caption, header)


def beside(ours: Counted, told: Counted) -> tuple[float, ...]:
    """Return each count with the published one and the deviation in percent."""
    pairs = zip(ours.values, told.values, strict=True)
    return tuple(
        value
        for one, other in pairs
        for value in (one, other, round(deviation_percent(one, other), 2))
    )


def far_from_published(table: Table) -> list[tuple[str, str, float]]:
    """Return network, count and deviation in percent of whatever is beyond the tolerance."""
    places = [(name, table.columns.index(f"{name}, off by %")) for name in COUNTED]
    return [
        (row[0], name, row[place])
        for row in table.rows
        for name, place in places
        if abs(row[place]) > TOLERANCE_PERCENT
    ]


def deployed_table(speeds: dict[str, Speed]) -> Table:
    """Return what is stored, run and measured of networks.

    Args:
        speeds: By the name of the network.
    """
    rows = []
    for name, speed in speeds.items():
        counted = Counted.of(cells.cost(cells.spec(name), rule="deployed"))
        rows.append((name, *counted.values, *measured(speed)))
    caption = (
        "The same networks as they are stored and run: counted by the rule `deployed`, which "
        "leaves nothing out and prunes, and measured on this machine "
        f"({CONDITIONS}). A measured speed-up is the time of the same pruned network in float32 "
        "over that of the packed one."
    )
    return Table("table4_measured", ("network", *COUNTED, *MEASURED), tuple(rows), caption)


#: Columns of what `measured` returns.
MEASURED = (
    "packed, ms",
    "torch, ms",
    "onnxruntime, ms",
    "speed-up over torch, measured",
    "speed-up over onnxruntime, measured",
    "fastest float",
    "speed-up over it, measured",
)


def measured(speed: Speed, counterpart: Speed | None = None) -> tuple[Any, ...]:
    """Return the times of a network and how much faster it is than a float one.

    Args:
        speed: Of the network.
        counterpart: The float network to beat; default: the same network in float32.
    """
    rival = counterpart or speed
    return (
        speed.packed_ms,
        rival.float_ms.get("torch"),
        rival.float_ms.get("onnxruntime"),
        speed.speed_up("torch", rival),
        speed.speed_up("onnxruntime", rival),
        rival.fastest,
        speed.speed_up(rival.fastest, rival),
    )


def rivals_text(speeds: dict[str, Speed]) -> str:
    """Return how our networks stand to Bi-Real's of as many FLOPs, by every measure."""
    sentences = []
    for ours, other in _RIVALS:
        parts = []
        for rule in ("paper", "deployed"):
            mine, its = (cells.cost(cells.spec(name), rule=rule) for name in (ours, other))
            parts.append(
                f"by the rule `{rule}` {mine.memory_saving:.2f} against {its.memory_saving:.2f} "
                f"times less memory and {mine.speed_up:.2f} against {its.speed_up:.2f} times "
                "fewer operations"
            )
        if speeds[ours].packed_ms and speeds[other].packed_ms:
            parts.append(
                f"packed it takes {speeds[ours].packed_ms:.3g} ms against "
                f"{speeds[other].packed_ms:.3g} ms"
            )
        sentences.append(f"{ours} beside {other}: {', '.join(parts)}.")
    return "Against the Bi-Real networks of as many published FLOPs: " + " ".join(sentences)


def _finding(
    checks: list[Check], far: list[tuple[str, str, float]], speeds: dict[str, Speed]
) -> str:
    text = told(checks)
    if far:
        each = ", ".join(f"{name}'s {count} by {off:+.1f} %" for name, count, off in far)
        text += f" Beyond the tolerance: {each}."
    text += f" As much is at least {100 * COMPARABLE:g} % of it."
    ratios = [ratio for speed in speeds.values() if (ratio := speed.speed_up(speed.fastest))]
    if ratios:
        text += (
            f" Measured, the packed networks are {min(ratios):.3g} to {max(ratios):.3g} times "
            "faster than the fastest float runtime here."
        )
    return text
