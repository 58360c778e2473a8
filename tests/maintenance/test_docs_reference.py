"""The reference: every public name, every command and option, every environment variable."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from bnas.tools.main import main
from maintenance.distributions import Distribution, distributions
from maintenance.docs import commands, site
from maintenance.public_api.source import Source

ROOT = Path(__file__).parents[2]
SOURCES = [ROOT / "tools/src", *sorted(ROOT.glob("packages/*/src"))]
OF_A_CHECKOUT = [ROOT / name for name in ("tests", "maintenance", "benchmarks")]
SOURCE = Source(ROOT)
PACKAGES = {name: each for name, each in distributions(ROOT).items() if name != "tools"}


def documented() -> list[str]:
    texts = [path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("docs/api/*.md"))]
    return [name for text in texts for name in re.findall(r"^::: (\S+)$", text, re.MULTILINE)]


def public_names(package: Distribution) -> list[str]:
    top = f"bnas.{package.name}"
    modules = [top, *(f"{top}.{module}" for module in package.public_modules)]
    return [f"{module}.{name}" for module in modules for name in SOURCE.public_names(module)]


def origin(dotted: str) -> str:
    """Name the place where it is defined: `bnas.zoo.ZooError` is `bnas.zoo.errors.ZooError`."""
    module, _, name = dotted.rpartition(".")
    found = SOURCE.find(module, name)
    return f"{found.module}.{name}" if found else dotted


@pytest.mark.parametrize("package", PACKAGES.values(), ids=PACKAGES.keys())
def test_the_reference_has_every_public_name_once(package: Distribution) -> None:
    names = public_names(package)
    assert len(names) > 50
    found = [name for name in documented() if f".{package.name}." in name]
    assert set(found) - set(names) == set()
    assert Counter(map(origin, found)) == Counter(set(map(origin, names)))


def every_command(group: click.Group) -> Iterator[tuple[str, click.Command]]:
    yield "bnas-tools", group
    yield from ((f"bnas-tools {name}", command) for name, command in group.commands.items())


def test_the_reference_has_every_command_and_option() -> None:
    text = commands.reference(main, "bnas-tools")
    assert commands.PLACE in (ROOT / "docs/api/commands.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (.+)\n((?:(?!## ).*\n)*)", text, re.MULTILINE))
    wanted = dict(every_command(main))
    assert sections.keys() == wanted.keys()
    for name, command in wanted.items():
        options = [param for param in command.params if isinstance(param, click.Option)]
        names = [name for option in options if not option.hidden for name in option.opts]
        missing = [each for each in ["--help", *names] if f"{each}" not in sections[name]]
        assert missing == [], name
        assert f"\n{name} [OPTIONS]" in sections[name]


def test_help_is_shown_as_it_is_meant() -> None:
    @click.command(help="One *word* & a\nsecond line.\n\nSee `a*b_c` and <this>.")
    @click.option("--kind", type=click.Choice(["a", "b"]), help="Of x|y.", default="a")
    @click.option("--unseen", hidden=True)
    def tool(**_: str) -> None:
        """Nothing."""

    group = click.Group("all", commands=[tool], help="All.")
    text = commands.reference(group, "all")
    assert r"One \*word\* &amp; a second line." in text
    assert "See `a*b_c` and &lt;this&gt;." in text
    assert "| `--kind [a|b]` | Of x&#124;y. |" in text
    assert "unseen" not in text


READ = r"environ(?:\.\w+)?[(\[]\s*\"(\w+)\""


def variables() -> set[str]:
    """Find the names of environment variables that the code of a checkout reads or sets."""
    found: set[str] = set()
    for path in [file for folder in SOURCES for file in folder.rglob("*.py")]:
        text = path.read_text(encoding="utf-8")
        found |= set(re.findall(r"\b(?:BNAS|NUMBA|CUDA|RAY|NNCF|CUBLAS)_[A-Z0-9_]+\b", text))
        found |= set(re.findall(READ, text))
    # Tests name many things in capitals: there, only what is taken from the environment by name.
    for path in [file for folder in OF_A_CHECKOUT for file in folder.rglob("*.py")]:
        text = path.read_text(encoding="utf-8")
        found |= set(re.findall(r'"(BNAS_[A-Z0-9_]+)"', text)) | set(re.findall(READ, text))
    return found


# Names of things in Python and in C with such a beginning, and what every program has.
OTHERS = {"BNAS_A", "BNAS_AFTER_STEP", "CUDA_REMEDY", "PATH"}


def test_the_reference_has_every_environment_variable() -> None:
    text = (ROOT / "docs/reference/environment.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([A-Z][A-Z0-9_]+)`", text))
    assert {"BNAS_HOME", "BNAS_DEBUG", "BNAS_BINOPS_BACKEND", "RANK"} <= variables()
    assert {"BNAS_TEST_PROFILE", "BNAS_NIGHTLY_FIGURES", "CI"} <= variables()
    assert variables() - OTHERS - named == set()


@pytest.mark.parametrize(
    "html",
    [
        '<script src="https://x.org/a.js"></script>',
        '<link rel="stylesheet" href="//x.org/a.css">',
        '<link rel="preconnect" href="https://x.org">',
        '<img alt="" src="HTTP://x.org/a.png"/>',
        '<p style="background: url(https://x.org/a.png)">',
        "<style>@import 'https://x.org/a.css';</style>",
    ],
)
def test_what_a_page_fetches_elsewhere_is_found(html: str, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/page.html").write_text(f"<html><body>{html}</body></html>", encoding="utf-8")
    (fault,) = site.faults(tmp_path)
    assert fault.startswith("a/page.html fetches ")
    assert "x.org" in fault


def test_what_a_page_only_names_is_not() -> None:
    html = (
        '<a href="https://x.org">x</a> <link rel="canonical" href="https://x.org/page">'
        '<script>const place = "https://x.org"</script><img src="a.png"><code>url(//x)</code>'
    )
    assert site.fetched_abroad(html) == []


def test_what_a_style_fetches_elsewhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("a{src:url('//x.org/f.woff')}", encoding="utf-8")
    (tmp_path / "b.css").write_text("a{src:url(f.woff)} /* http://x.org */", encoding="utf-8")
    assert site.faults(tmp_path) == ["a.css fetches //x.org/f.woff"]
