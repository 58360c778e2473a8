"""`Check`: one statement of a claim, and whether a run bears it out; verdicts are made of them."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from bnas.tools.reproduce.section import Verdict


@frozen
class Check:
    """One statement.

    Attributes:
        statement: In words, without an end; what holds if the claim is true.
        holds: Whether it is so in this run.
        is_control: Whether the others mean nothing unless it holds, such as that the network with
            which others are compared trains at all.
    """

    statement: str
    holds: bool
    is_control: bool = False


def verdict_of(checks: Sequence[Check]) -> Verdict:
    """Return whether all statements hold, some or none; none without its controls.

    Args:
        checks: At least one that is no control.
    """
    if not all(check.holds for check in checks if check.is_control):
        return "not reproduced"
    claims = [check.holds for check in checks if not check.is_control]
    if all(claims):
        return "reproduced"
    return "in part" if any(claims) else "not reproduced"


def told(checks: Sequence[Check]) -> str:
    """Return which statements hold and which do not, as sentences."""
    fulfilled = [check.statement for check in checks if check.holds]
    failed = [check.statement for check in checks if not check.holds]
    text = f"{len(fulfilled)} of {len(checks)} statements hold"
    text += f": {'; '.join(fulfilled)}." if fulfilled else "."
    return f"{text} Not so: {'; '.join(failed)}." if failed else text
