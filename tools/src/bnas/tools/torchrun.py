"""Which of several processes this one is, as ``torchrun`` and others say it in the environment."""

from __future__ import annotations

import os

import click


def rank_and_processes() -> tuple[int, int]:
    """Return the number of this process, from 0, and how many there are; 0 and 1 of a single one.

    Raises:
        click.ClickException: RANK and WORLD_SIZE do not fit.
    """
    rank, processes = os.environ.get("RANK", "0"), os.environ.get("WORLD_SIZE", "1")
    if not (rank.isdecimal() and processes.isdecimal() and int(rank) < int(processes)):
        raise click.ClickException(
            "RANK must be a number from 0 to below WORLD_SIZE "
            f"(got RANK={rank!r}, WORLD_SIZE={processes!r})"
        )
    return int(rank), int(processes)


def threads_of_each() -> int | None:
    """Return the threads for each process where several share a machine; None where none does."""
    here = os.environ.get("LOCAL_WORLD_SIZE", "1")
    if not here.isdecimal() or int(here) < 2:
        return None
    from bnas.binops.threads import processors

    share = max(processors() // int(here), 1)
    limit = os.environ.get("NUMBA_NUM_THREADS", "")
    return min(share, int(limit)) if limit.isdecimal() and int(limit) else share
