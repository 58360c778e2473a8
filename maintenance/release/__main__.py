"""Release one package: `python -m maintenance.release zoo [--bump minor] [--dry-run]`.

Sets the version, dates the changelog, builds and checks wheel and sdist, commits and tags. Nothing
is uploaded or pushed.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from maintenance.release.cut import Release, cut
from maintenance.release.errors import ReleaseError
from maintenance.release.plan import Request


def main(arguments: list[str] | None = None, tree: Path | None = None) -> int:
    """Release a package of a checkout.

    Args:
        arguments: The command line; None: this process's.
        tree: Root of the checkout; None: the current folder.

    Returns:
        0, or 1 where the release must not be, or 130 where somebody interrupted it; then nothing
        has changed.
    """
    parser = argparse.ArgumentParser(prog="python -m maintenance.release", description=__doc__)
    parser.add_argument("package", metavar="PKG")
    parser.add_argument("--version", help="default: what the fragments ask for")
    parser.add_argument("--bump", metavar="PART", help="patch, minor or major")
    parser.add_argument("--dry-run", action="store_true", help="all but the commit and the tag")
    options = parser.parse_args(arguments)
    tree = tree or Path.cwd()
    request = Request(options.package, options.version, options.bump, options.dry_run)
    try:
        if options.version and options.bump:
            raise ReleaseError("give VERSION or BUMP, not both")
        release = cut(tree, request)
    except ReleaseError as error:
        sys.stderr.write(f"no release: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; nothing has changed\n")
        return 130
    sys.stdout.write("\n".join(_report(tree, release, is_dry=options.dry_run)) + "\n")
    return 0


def _report(tree: Path, release: Release, *, is_dry: bool) -> list[str]:
    plan = release.plan
    lines = [release.section, "", release.files, ""]
    lines += [f"{name}: {size:,} bytes, twice the same" for name, size in release.built.items()]
    if release.moved:
        lines.append(
            f"ranges moved in {', '.join(release.moved)}: release those too, in that order"
        )
    if plan.unreleased:  # Only a dry run comes as far as this.
        lines.append(f"not released yet, and needed: {', '.join(plan.unreleased)}; these first")
    if is_dry:
        return [*lines, f"dry run: {plan.tag} would be made; nothing has changed"]
    files = " ".join(f"dist/{name}" for name in release.built)
    return [
        *lines,
        f"made the commit and the tag {plan.tag}; nothing is uploaded yet. What comes next:",
        "  .ci/run",
        f"  git push --atomic origin HEAD {plan.tag}",
        f"  {_python(tree)} -m twine upload {files}",
        "to take it back before that: "
        f"git tag -d {plan.tag} && git reset --keep HEAD~1 && rm {files}",
    ]


def _python(tree: Path) -> Path:
    """Name the interpreter that has twine as one calls it from the checkout."""
    python = Path(sys.executable)
    return python.relative_to(tree) if python.is_relative_to(tree) else python


if __name__ == "__main__":
    # What kills politely is answered like Ctrl-C: all is put back first.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
