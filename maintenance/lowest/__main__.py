"""Test packages at their lowest versions: `python -m maintenance.lowest [--alone] [PKG …]`."""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from itertools import chain
from pathlib import Path

from maintenance.distributions import Distribution, UnknownDistributionError, chosen
from maintenance.lowest.bounds import NOT_LOWERED, BoundError, lowest, read_pins
from maintenance.lowest.environment import Environment, EnvironmentFailure, build_wheels
from maintenance.lowest.selection import TEST_TOOLS, alone, deselected

#: Test tools that no extra installed here brings, at the versions that all tests pass with: pytest,
#: and by what an extra brings, the tools that its tests compare or look with. `bench` of the tools
#: declares onnxruntime too, but is left out (bounds.NO_EXTRAS).
_PINNED_TOOLS = {
    "": ("pytest",),
    "onnx": ("onnxruntime",),
    "numba-cuda": ("nvidia-cuda-nvcc", "nvidia-cuda-nvdisasm"),
}


def main(arguments: list[str] | None = None, tree: Path | None = None) -> int:
    """Make the environments and run the tests.

    Args:
        arguments: The command line; None: this process's.
        tree: Root of the checkout; None: the current folder.

    Returns:
        0 if all tests passed, else 1.
    """
    parser = argparse.ArgumentParser(prog="python -m maintenance.lowest", description=__doc__)
    parser.add_argument("packages", nargs="*", metavar="PKG", help="default: all five")
    parser.add_argument("--alone", action="store_true", help="only what needs no extra")
    parser.add_argument("--show", action="store_true", help="only name the versions")
    options = parser.parse_args(arguments)
    tree = tree or Path.cwd()
    try:
        packages = chosen(tree, options.packages)
    except UnknownDistributionError as error:
        parser.error(str(error))
    failed = []
    for package in packages:
        if options.show:
            versions = lowest(package, extras=True, pins=read_pins(tree))
            sys.stdout.write(f"{package.title}: {' '.join(versions)}\n")
            continue
        start = time.monotonic()
        try:
            passed = _test(package, with_extras=not options.alone)
        except (EnvironmentFailure, BoundError) as error:
            sys.stderr.write(f"{package.title}: {error}\n")
            passed = False
        failed += [] if passed else [package.name]
        verdict = "passed" if passed else "FAILED"
        took = time.monotonic() - start
        sys.stdout.write(f"{package.title} at its lowest versions: {verdict} ({took:.0f} s)\n")
    return 1 if failed else 0


def _test(package: Distribution, *, with_extras: bool) -> bool:
    """Test a package alone, then with its extras; whether both passed."""
    pins = read_pins(package.tree)
    kept = {name: pins[name] for name in (*NOT_LOWERED, *chain(*_PINNED_TOOLS.values()))}
    environment = Environment(package.tree / f".venv-lowest-{package.name}", package.tree)
    environment.create()
    core = lowest(package, extras=False, pins=pins)
    tools = [name for name in TEST_TOOLS if not any(line.startswith(name) for line in core)]
    with tempfile.TemporaryDirectory() as folder:
        wheels = build_wheels(package, Path(folder))
        needed = {each.name for each in package.requirements} | {package.title}
        own = [str(wheel) for name, wheel in wheels.items() if f"bnas-{name}" in needed]
        environment.install(*core, *tools, pins=kept)
        environment.install("--no-deps", *own, pins=kept)
        environment.check()
        files = [str(path.relative_to(package.tree)) for path in alone(package)]
        passed = environment.test([*files, *deselected(package)]) == 0
        if with_extras:
            every = lowest(package, extras=True, pins=pins)
            names = {re.split("[=[]", line)[0] for line in every}
            extra = chain(*(tools for name, tools in _PINNED_TOOLS.items() if name in names))
            environment.install(*every, "torch", *extra, pins=kept)
            environment.install("--no-deps", *map(str, wheels.values()), pins=kept)
            environment.check()
            ignored = [f"--ignore={path}" for path in files]
            rest = [f"tests/{package.name}", *ignored, *deselected(package)]
            passed = environment.test(rest) == 0 and passed
    return passed


if __name__ == "__main__":
    sys.exit(main())
