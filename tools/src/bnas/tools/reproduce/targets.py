"""What can be reproduced: the supplement's tables and figures, and what they are compared with."""

from __future__ import annotations

import importlib

from bnas.tools.reproduce.context import Context
from bnas.tools.reproduce.section import Section

#: Target -> module of this package whose function of the target's name makes its section.
TARGETS = {
    "table1": "table1",
    "table2": "gradients",
    "table3": "zeroise",
    "table4": "savings",
    "fig1": "cell_figures",
    "fig2": "cell_figures",
    "fig3": "cell_figures",
    "fig4": "learning_curves",
    "fig5": "gradients",
    "bats": "bats",
    "baselines": "baselines",
}
#: In place of a target: all of them, in the order of the page.
ALL = "all"
_TRAINING = ("table2", "table3", "fig4", "fig5", "bats", "baselines")
_TIMING = ("table3", "table4")


def targets_of(name: str) -> tuple[str, ...]:
    """Return the targets that a name means: itself, or all of them.

    Args:
        name: A key of `TARGETS`, or `ALL`, as everywhere here.
    """
    return tuple(TARGETS) if name == ALL else (name,)


def trains(name: str) -> bool:
    """Return whether networks are trained, for which bnas-search is needed."""
    return any(target in _TRAINING for target in targets_of(name))


def times(name: str) -> bool:
    """Return whether networks are timed, for which torch is needed."""
    return any(target in _TIMING for target in targets_of(name))


def full_command(name: str) -> str:
    """Return the command that reproduces at the paper's scale."""
    words = ["bnas-tools reproduce", name, "--scale paper", *["--data cifar10"] * trains(name)]
    return " ".join([*words, "--out DIR"])


def make_section(target: str, context: Context) -> Section:
    """Make what a target asks for; its pictures are then in the output directory.

    Args:
        target: A key of `TARGETS`.
        context: Of the reproduction.
    """
    module = importlib.import_module(f"bnas.tools.reproduce.{TARGETS[target]}")
    section: Section = getattr(module, target)(context)
    return section
