"""``make types``: mypy strict in two worlds, pyright's completeness, and the programs of users.

The worlds differ in what is installed. With torch its types are known and everything is strict.
Without it, as a user of `bnas.binops` and `bnas.zoo` has it, what torch's types would tell is
missing, and four checks say nothing of our code: they are left out, and nothing else is.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from maintenance.distributions import NAMES, distributions

ROOT = Path(__file__).parents[1]
FOLDERS = tuple(f"{each.folder}/src" for each in distributions(ROOT).values())
SOURCES = (*FOLDERS, "maintenance", "benchmarks", "--exclude", "typed_programs")
PROGRAMS = "maintenance/typed_programs"
#: What is left out where torch is not installed.
WITHOUT_TORCH = (
    "--allow-subclassing-any",
    "--allow-untyped-decorators",
    "--no-warn-return-any",
    "--no-warn-unused-ignores",
)


class Check(NamedTuple):
    """One run of a checker.

    Attributes:
        title: What it is, for the reader.
        command: What is run at the root of the tree.
        package: Of a completeness report, the package; else empty.
    """

    title: str
    command: tuple[str, ...]
    package: str = ""


def join(folder: Path) -> None:
    """Lay the five packages side by side under one `bnas`, as wheels do; write pyright's settings.

    An editable install leaves each in a tree of its own. pyright takes the first folder that it
    finds for the namespace, and knows no second name in ``from bnas import cells, search``.
    """
    (folder / "bnas").mkdir()
    for name, source in zip(NAMES, FOLDERS, strict=True):
        (folder / "bnas" / name).symlink_to(ROOT / source / "bnas" / name)
    settings = {
        "include": [str(ROOT / PROGRAMS)],
        "extraPaths": [str(folder)],
        "typeCheckingMode": "strict",
    }
    (folder / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")


def checks(checkers: Path, packages: Path, joined: Path) -> list[Check]:
    """Return all checks, the longest first.

    Args:
        checkers: The environment with mypy and pyright, without torch.
        packages: The environment with the five packages and torch.
        joined: What `join` made.
    """
    mypy = str(checkers / "bin" / "mypy")
    pyright = str(checkers / "bin" / "basedpyright")
    with_torch = (mypy, "--python-executable", str(packages / "bin" / "python"))
    without = (mypy, "--python-executable", str(checkers / "bin" / "python"), *WITHOUT_TORCH)
    # A cache for each world: one would be written anew at every change of world.
    found = [
        Check("mypy, with torch", (*with_torch, "--cache-dir", ".mypy_cache/torch", *SOURCES)),
        Check("mypy, without torch", (*without, "--cache-dir", ".mypy_cache/plain", *SOURCES)),
        Check(
            "mypy, programs of users",
            (*with_torch, "--cache-dir", ".mypy_cache/users", PROGRAMS),
        ),
        Check("pyright, programs of users", (pyright, "--project", str(joined))),
    ]
    for name in NAMES:
        package = f"bnas.{name}"
        arguments = ("--verifytypes", package, "--ignoreexternal", "--outputjson")
        found.append(Check(f"pyright, completeness of {package}", (pyright, *arguments), package))
    return found


def complaints(report: Mapping[str, Any], package: str) -> list[str]:
    """Return what a completeness report of pyright finds wanting.

    Args:
        report: What it prints as JSON.
        package: The package that it is of; a report on no symbols is of another.
    """
    found = report.get("typeCompleteness", {})
    if not found.get("symbols"):
        return [f"{package} was not found, or has no py.typed: {report.get('generalDiagnostics')}"]
    lines = []
    for symbol in found["symbols"]:
        if symbol["isExported"] and not symbol["isTypeKnown"]:
            reasons = "; ".join(each["message"] for each in symbol["diagnostics"])
            lines.append(f"{symbol['name']}: {reasons or 'its type is not known'}")
    return lines


def run(check: Check, packages: Path) -> str:
    """Run a check; return what it found, or an empty string."""
    # pyright takes the first Python on the path for its report, whatever --pythonpath says.
    path = os.pathsep.join((str(packages / "bin"), os.environ.get("PATH", "")))
    done = subprocess.run(
        check.command,
        cwd=ROOT,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    # A checker that died may have said nothing, and an empty answer passes.
    said = done.stdout + done.stderr
    said = said if said.strip() else f"said nothing, ended with {done.returncode}"
    if not check.package:
        return said if done.returncode else ""
    try:
        report = json.loads(done.stdout)
    except json.JSONDecodeError:
        return said
    return "\n".join(complaints(report, check.package))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all checks, two at a time; return 1 if one found something."""
    parser = argparse.ArgumentParser(prog="python -m maintenance.types", description=__doc__)
    parser.add_argument("--packages", type=Path, required=True, help="environment with torch")
    packages = parser.parse_args(arguments).packages.absolute()
    status = 0
    with tempfile.TemporaryDirectory() as joined, ThreadPoolExecutor(2) as pool:
        join(Path(joined))
        wanted = checks(Path(sys.prefix), packages, Path(joined))
        outcomes = pool.map(lambda check: run(check, packages), wanted)
        for check, outcome in zip(wanted, outcomes, strict=True):
            print(f"{check.title}: {outcome.strip() or 'passes'}", flush=True)
            status |= bool(outcome)
    return status


if __name__ == "__main__":
    sys.exit(main())
