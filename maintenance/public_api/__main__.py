"""Check the kept public names, or renew them: `python -m maintenance.public_api [--write]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from maintenance.distributions import Distribution, UnknownDistributionError, chosen
from maintenance.public_api.check import difference
from maintenance.public_api.promise import demand, since_release, untold
from maintenance.public_api.snapshot import FILE_NAME, make, parse, read, write
from maintenance.public_api.source import Source
from maintenance.release.errors import ReleaseError


def main(arguments: list[str] | None = None, tree: Path | None = None) -> int:
    """Check or renew the snapshots of a checkout.

    Args:
        arguments: The command line; None: this process's.
        tree: Root of the checkout; None: the current folder.

    Returns:
        0, or 1 where something is to be done.
    """
    parser = argparse.ArgumentParser(prog="python -m maintenance.public_api", description=__doc__)
    parser.add_argument("packages", nargs="*", metavar="PKG", help="default: all five")
    parser.add_argument("--write", action="store_true", help="renew packages/X/public-api.txt")
    options = parser.parse_args(arguments)
    tree = tree or Path.cwd()
    source = Source(tree)
    try:
        packages = chosen(tree, options.packages)
    except UnknownDistributionError as error:
        parser.error(str(error))
    try:
        answers = [
            _renewed(package, source) if options.write else difference(package, source)
            for package in packages
        ]
    except ReleaseError as error:
        answers = [str(error)]
    told = [answer for answer in answers if answer]
    sys.stderr.write("".join(f"{answer}\n" for answer in told))
    return 1 if told else 0


def _renewed(package: Distribution, source: Source) -> str | None:
    """Renew one snapshot, unless no fragment tells of the change; say what forbids it."""
    text = make(package, source)
    if text == read(package):
        return None
    changes = since_release(package, parse(text))
    if missing := untold(package, changes):
        return "\n".join([missing, *changes.lines()])
    write(package, text)
    note = f"; the next version raises the {demand(package, changes)}" if changes else ""
    sys.stdout.write(f"renewed {package.folder}/{FILE_NAME}{note}\n")
    return None


if __name__ == "__main__":
    sys.exit(main())
