"""A release is whole or is not: what fails, or is interrupted, leaves nothing behind."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from maintenance.release import cut, git
from maintenance.release.__main__ import main
from maintenance.release.errors import ReleaseError

if TYPE_CHECKING:
    from conftest import Checkout


def test_a_failing_check_leaves_nothing(
    checkout: Checkout,
    no_build: None,
    refused: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(package: Any, built: list[Path]) -> None:
        raise ReleaseError("the wheel lacks a file")

    monkeypatch.setattr(cut, "check_built", fail)
    assert "the wheel lacks a file" in refused(checkout, "binops")


@pytest.fixture
def without_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let git make no tag."""

    def run(tree: Path, *arguments: str) -> str:
        if arguments[:2] == ("tag", "--annotate"):
            raise ReleaseError("git tag failed: no key to sign with")
        return git.git(tree, *arguments)

    monkeypatch.setattr(cut, "git", run)


def test_a_tag_that_fails_takes_the_commit_back(
    checkout: Checkout, no_build: None, refused: Callable[..., str], without_tags: None
) -> None:
    assert "no key" in refused(checkout, "binops")


def test_an_interruption_leaves_nothing(
    checkout: Checkout,
    no_build: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Interrupt after the tag: the tag, the commit and what lies in dist/ go again."""

    def interrupted(tree: Path, *arguments: str) -> str:
        said = git.git(tree, *arguments)
        if arguments[:2] == ("tag", "--annotate"):
            raise KeyboardInterrupt
        return said

    monkeypatch.setattr(cut, "git", interrupted)
    before = checkout.state()
    assert main(["binops"], checkout.root) == 130
    assert checkout.state() == before
    assert capsys.readouterr().err == "interrupted; nothing has changed\n"


def test_an_interruption_that_comes_too_late_is_told_of_the_release(
    checkout: Checkout,
    no_build: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Interrupted(tempfile.TemporaryDirectory[str]):
        def cleanup(self) -> None:
            super().cleanup()
            if Path(self.name).name.startswith("dist-"):
                raise KeyboardInterrupt

    monkeypatch.setattr(tempfile, "TemporaryDirectory", Interrupted)
    assert main(["binops"], checkout.root) == 0
    assert checkout.git("tag", "--list") == "binops-v0.1.0"
    assert "made the commit and the tag binops-v0.1.0" in capsys.readouterr().out


def test_a_worktree_that_is_half_made_is_forgotten(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = git._run

    def killed(tree: Path, *arguments: str) -> bytes:
        said = run(tree, *arguments)
        if arguments[:2] == ("worktree", "add"):
            # What git leaves when it is killed in there.
            (checkout.root / ".git/worktrees/tree/locked").write_text("initializing")
            (Path(arguments[-2]) / ".git").unlink()
            raise KeyboardInterrupt
        return said

    monkeypatch.setattr(git, "_run", killed)
    before = checkout.state()
    assert main(["binops", "--dry-run"], checkout.root) == 130
    assert checkout.state() == before


def test_a_dist_that_cannot_be_written(
    checkout: Checkout, no_build: None, refused: Callable[..., str]
) -> None:
    checkout.write(".gitignore", "dist\n")
    checkout.commit()
    checkout.write("dist", "a file\n")
    assert "dist/ must take what was built" in refused(checkout, "binops")


def test_what_lay_in_dist_stays(
    checkout: Checkout, no_build: None, refused: Callable[..., str], without_tags: None
) -> None:
    """Keep a file of somebody else, the same or another one."""
    checkout.write(".gitignore", "dist/\n")
    checkout.commit()
    name = "dist/bnas_binops-0.1.0-py3-none-any.whl"
    for text, told in (("wheel", "no key"), ("another", f"{name} must be what was built")):
        checkout.write(name, text)
        assert told in refused(checkout, "binops")
        assert (checkout.root / name).read_text() == text


def test_git_is_named_by_its_command(checkout: Checkout, refused: Callable[..., str]) -> None:
    hook = checkout.root / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho not today >&2\nexit 1\n")
    hook.chmod(0o755)
    assert "git commit failed: not today" in refused(checkout, "binops", "--dry-run")
