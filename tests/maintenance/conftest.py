"""Small checkouts of five distributions, with a history of their own."""

from __future__ import annotations

import subprocess
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from maintenance.distributions import NAMES, Distribution, distributions
from maintenance.public_api.snapshot import TITLE

# What siblings ask for, as in the real tree.
NEEDS = {
    "binops": (),
    "cells": (),
    "search": ("cells",),
    "zoo": ("binops", "cells"),
    "tools": ("binops", "cells", "zoo"),
}
ANSWER = "def answer(question, *, loud=False):\n    return 42\n"


@attrs.frozen
class Checkout:
    """A small tree under git."""

    root: Path

    def package(self, name: str) -> Distribution:
        return distributions(self.root)[name]

    def write(self, path: str, text: str) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(textwrap.dedent(text), encoding="utf-8")

    def edit(self, name: str, file: str, old: str, new: str) -> None:
        """Replace what stands in a file of a package."""
        path = self.package(name).root / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ("git", *arguments), cwd=self.root, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def commit(self, message: str = "a change") -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)

    def state(self) -> tuple[str, ...]:
        """Everything that a release may change."""
        asked = (("rev-parse", "HEAD"), ("tag",), ("status", "--porcelain"), ("worktree", "list"))
        return tuple(self.git(*each) for each in asked)

    def change(self, kind: str = "added", source: str = ANSWER) -> None:
        """Commit a change of zoo, with its fragment."""
        self.write(f"packages/zoo/changelog.d/+news.{kind}.md", "`news`, which is\nnew.\n")
        self.write("packages/zoo/src/bnas/zoo/__init__.py", source)
        self.commit()


def _pyproject(name: str) -> str:
    needs = "".join(f'  "bnas-{each}>=0.1,<0.2",\n' for each in NEEDS[name])
    return f"""\
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "bnas-{name}"
version = "0.1.0"
description = "A small {name}"
readme = "README.md"
requires-python = ">=3.11"
license = "Apache-2.0"
license-files = ["LICENSE"]
dependencies = [
  "attrs>=23.2",
{needs}]

[tool.hatch.build]
exclude = ["BUILD"]

[tool.hatch.build.targets.wheel]
sources = ["src"]
only-include = ["src/bnas/{name}"]

[tool.hatch.build.targets.sdist]
only-include = ["src/bnas/{name}", "README.md", "CHANGELOG.md", "LICENSE"]

[tool.bnas]
public-modules = []
"""


def _files(name: str) -> dict[str, str]:
    return {
        "pyproject.toml": _pyproject(name),
        "README.md": f"# bnas-{name}\n\nA small one.\n",
        "LICENSE": "Apache License\n",
        "CHANGELOG.md": f"# Changelog of bnas-{name}\n\n<!-- towncrier release notes start -->\n\n"
        "## 0.1.0 (unreleased)\n\n### The first version\n\n- `answer`.\n",
        f"src/bnas/{name}/__init__.py": '"""A small one."""\n\n\n'
        'def answer(question, *, loud=False):\n    """Answer."""\n    return 42\n',
        f"src/bnas/{name}/py.typed": "",
        "BUILD": "python_distribution()\n",
        f"src/bnas/{name}/BUILD": "python_sources()\n",
        "public-api.txt": TITLE.format(title=f"bnas-{name}")
        + f"\n## bnas.{name}\ndef answer(question, *, loud=False): ...\n",
    }


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """Make a checkout of five small distributions, committed, on a branch."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "A. Maintainer")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "maintainer@example.org")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    made = Checkout(tmp_path / "checkout")
    for name in NAMES:
        for path, text in _files(name).items():
            made.write(f"{made.package(name).folder}/{path}", text)
    made.git("init", "--quiet", "--initial-branch", "main")
    made.commit("first")
    return made


@pytest.fixture
def released(checkout: Checkout) -> Callable[[str], Checkout]:
    """Tag the first version of a package and of what it needs, as their releases would."""

    def release(name: str) -> Checkout:
        for each in NEEDS[name]:
            if not checkout.git("tag", "--list", f"{each}-v0.1.0"):
                release(each)
        checkout.edit(name, "CHANGELOG.md", "(unreleased)", "(2026-01-01)")
        checkout.commit(f"{name} 0.1.0")
        checkout.git("tag", "--annotate", "--message", f"bnas-{name} 0.1.0", f"{name}-v0.1.0")
        return checkout

    return release


@pytest.fixture
def no_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the builds out: what they make is looked at in a test of its own."""
    # Not at the top: where Pants runs tests of this folder, what builds releases is missing.
    from maintenance.release import cut

    def pretend(package: Any, folder: Path) -> list[Path]:
        wheel = folder / f"bnas_{package.name}-{package.version}-py3-none-any.whl"
        wheel.write_bytes(b"wheel")
        return [wheel]

    monkeypatch.setattr(cut, "build_twice", pretend)
    monkeypatch.setattr(cut, "check_built", lambda package, built: None)


@pytest.fixture
def refused(
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., str]:
    """Ask for a release that must not be; say why, in one line, and see that nothing changed."""
    from maintenance.release.__main__ import main

    def ask(checkout: Checkout, *arguments: str) -> str:
        before = checkout.state()
        assert main([*arguments], checkout.root) == 1
        assert checkout.state() == before
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        return said

    return ask
