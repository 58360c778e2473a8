"""What becomes of damaged and hostile weights files: refused in one line, or loaded intact.

    python -m benchmarks.mutations --files 10000 --seed 0

A file's number and the seed decide what is done to it, so that every case can be had again. Each
is read in a process that is watched: one that crashes, hangs, or takes 1 GiB more than it had is
counted as such. The exit status is 1 if anything happened that must not.
"""

from __future__ import annotations

import atexit
import functools
import os
import random
import resource
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

import click
import numpy as np

from benchmarks.mutators import DAMAGES, pickled_code, sealed
from bnas import cells, zoo
from bnas.zoo.index import PACKAGE_DATA, find_entry

REFUSED, INTACT = "refused in one line", "loaded, content intact"
AS_SEALED = "loaded, content as sealed"
#: What may become of a file; everything else is a fault.
GOOD = (REFUSED, INTACT, AS_SEALED)
#: Seconds that one file may take.
TIMEOUT_S = 30.0
#: Bytes that a process may take above what it has with everything imported.
_MEMORY_BYTES = 1 << 30
#: Characters of an error's line.
_MAX_LINE = 2000
_SEALED, _PICKLED = "hostile content, checksum right", "pickle with code"
KINDS = (*DAMAGES, _SEALED, _PICKLED)


def judge(seed: int, number: int) -> tuple[str, str]:
    """Make file `number` and read it; return its kind and what became of it."""
    source = random.Random(f"{seed}/{number}")
    kind = KINDS[number % len(KINDS)]
    whole, original = _originals()[source.randrange(2)]
    path = _scratch() / "file.safetensors"
    marker = path.with_name("code-was-run")
    if kind == _PICKLED:
        path.write_bytes(pickled_code(source, whole, marker))
    elif kind == _SEALED:
        path.write_bytes(sealed(source, whole))
    else:
        path.write_bytes(DAMAGES[kind](source, whole))
    try:
        outcome = _read(kind, path, original)
    except zoo.ZooError as error:
        line = str(error)
        outcome = REFUSED if line.isprintable() and len(line) <= _MAX_LINE else f"told as {line!r}"
    except Exception as error:  # whatever it is, it is what this looks for
        outcome = f"{type(error).__name__}: {error}"[:200]
    return kind, "code was run" if marker.exists() else outcome


def _read(kind: str, path: Path, original: zoo.PackedNetwork) -> str:
    if kind == _PICKLED:
        for reader in (zoo.pack, functools.partial(zoo.import_official, model="BNAS-Mini")):
            try:
                reader(path)
            except zoo.ZooError:
                continue
            return "a pickle was read"
    network = zoo.load_file(path)
    if kind == _SEALED:
        # It is what its writer says: then it must run, or say in one line why it cannot.
        network(np.zeros((1, 3, 32, 32), np.float32), threads=1)
        return AS_SEALED
    own, read = original.parameters.tensors, network.parameters.tensors
    is_intact = (
        network.spec == original.spec
        and network.card == original.card
        and own.keys() == read.keys()
        and all(own[name].tobytes() == read[name].tobytes() for name in own)
    )
    return INTACT if is_intact else "loaded, content changed"


@functools.cache
def _scratch() -> Path:
    folder = tempfile.mkdtemp(prefix="bnas-mutations-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


@functools.cache
def _originals() -> tuple[tuple[bytes, zoo.PackedNetwork], ...]:
    """Return the zoo's own BNAS-Mini and a small network without a card, files and content."""
    import torch

    from bnas.cells.nn import Network

    torch.manual_seed(0)
    spec = cells.NetworkSpec(genotype=cells.genotypes["bnas-cifar10"], num_cells=4, channels=6)
    small = _scratch() / "small.safetensors"
    zoo.pack(Network(spec)).save(small)
    mini = PACKAGE_DATA / str(find_entry("BNAS-Mini").file)
    found = tuple((path.read_bytes(), zoo.load_file(path)) for path in (mini, small))
    for _, network in found:
        network(np.zeros((1, 3, 32, 32), np.float32), threads=1)  # compiled before memory is held
    _limit_memory()
    return found


def _limit_memory() -> None:
    statm = Path("/proc/self/statm")
    if statm.exists():
        used = int(statm.read_text().split()[0]) * resource.getpagesize()
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (used + _MEMORY_BYTES, hard))


def run(
    judge_one: Callable[[int], tuple[str, str]], files: int, *, timeout_s: float = TIMEOUT_S
) -> Counter[tuple[str, str]]:
    """Judge files 0 to `files` - 1, each in a process that may crash or hang.

    Returns:
        How many there were of each kind and outcome; those of a crash or hang have no kind.
    """
    outcomes: Counter[tuple[str, str]] = Counter()
    number = 0
    while number < files:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            # The first waits for the process to start and import.
            pool.submit(os.getpid).result()
            patience_s = timeout_s + 60
            try:
                while number < files:
                    outcomes[pool.submit(judge_one, number).result(patience_s)] += 1
                    number += 1
                    patience_s = timeout_s
            except TimeoutError:
                outcomes["", f"hung (file {number})"] += 1
            except BrokenProcessPool:
                outcomes["", f"crashed (file {number})"] += 1
            else:
                break
            number += 1
            for process in list(pool._processes.values()):  # it would be waited for, for ever
                process.kill()
    return outcomes


def faults(outcomes: Counter[tuple[str, str]]) -> int:
    """Return how many files met with something that must not happen."""
    return sum(count for (_, outcome), count in outcomes.items() if outcome not in GOOD)


def table(outcomes: Counter[tuple[str, str]]) -> str:
    """Return kinds and outcomes as a Markdown table."""
    columns = [*GOOD, *sorted({outcome for _, outcome in outcomes} - set(GOOD))]
    kinds = [*KINDS, *sorted({kind for kind, _ in outcomes} - set(KINDS))]
    rows = [("kind", "files", *columns), ("---",) * (len(columns) + 2)]
    for kind in kinds:
        counts = [outcomes[kind, outcome] for outcome in columns]
        rows.append((kind, *(f"{count:,}" for count in (sum(counts), *counts))))
    totals = [sum(outcomes[kind, outcome] for kind in kinds) for outcome in columns]
    rows.append(("all", *(f"{count:,}" for count in (sum(totals), *totals))))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


@click.command()
@click.option("--files", type=click.IntRange(min=1), default=10_000, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
def main(files: int, seed: int) -> None:
    """Make damaged and hostile weights files, read them, and count what becomes of them."""
    start = time.perf_counter()
    outcomes = run(functools.partial(judge, seed), files)
    click.echo(table(outcomes))
    click.echo(f"\n{faults(outcomes)} faults; {time.perf_counter() - start:.0f} s")
    sys.exit(faults(outcomes) > 0)


if __name__ == "__main__":
    main()
