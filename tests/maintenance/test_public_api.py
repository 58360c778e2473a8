"""A change of public names is seen, told as breaking or not, and kept only with a fragment."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from maintenance.public_api.__main__ import main
from maintenance.public_api.changes import compare
from maintenance.public_api.check import difference
from maintenance.public_api.snapshot import listed_names, make, parse, read
from maintenance.public_api.source import Source
from maintenance.release.errors import ReleaseError

if TYPE_CHECKING:
    from conftest import Checkout

ZOO = "packages/zoo/src/bnas/zoo/__init__.py"
BEFORE = {
    "bnas.zoo": "class Model(Base):\n    def __init__(self, name: str, size: int = 1): ...\n"
    "    def run(self, x, y=1): ...\n    width: int\n"
    "    @classmethod\n    def of(cls, x): ...\n"
    "@overload\ndef add(x: int) -> int: ...\n@overload\ndef add(x: str, y=1) -> str: ...\n"
    "def add(x, y=1): ...\n"
    "Rule: TypeAlias = Literal['paper', 'deployed']\ndef load(name, *, top=1) -> Model: ...\n",
}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("def load(name, *, top=1) -> Model: ...\n", "", "load: name was removed"),
        ("def load(name,", "def load(title,", "load(name): parameter was removed"),
        ("def load(name,", "def load(name, size,", "load(size): parameter was added as required"),
        ("top=1", "top", "load(top): parameter is now required"),
        ("x, y=1", "y=1, x=0", "Model.run(x): positional parameter was moved"),
        ("    width: int\n", "", "Model.width: name was removed"),
        (
            "def load(name, *, top=1) -> Model",
            "class load",
            "load: name points to a different kind",
        ),
        ("Model(Base)", "Model", "Model: base class was removed"),
        ("'paper', ", "", "Rule: no longer takes 'paper'"),
        ("@classmethod\n    def of(cls", "def of(self", "Model.of: is no classmethod any more"),
        ("def load", "async def load", "load: is a coroutine now"),
        ("def load", "@contextmanager\ndef load", "load: is a contextmanager now"),
        ("add(x, y", "add(x, z, y", "add(z): parameter was added as required"),
        ("add(x: str, y=1", "add(x: str, y", "add[overload 2](y): parameter is now required"),
        ("@overload\ndef add(x: str, y=1) -> str: ...\n", "", "add[overload 2]: name was removed"),
    ],
)
def test_what_breaks_a_caller(old: str, new: str, told: str) -> None:
    text = BEFORE["bnas.zoo"]
    assert old in text
    changes = compare(BEFORE, {"bnas.zoo": text.replace(old, new)})
    assert any(line.startswith(f"bnas.zoo.{told}") for line in changes.breaking), changes


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("class Model", "def pack(): ...\nclass Model", "pack"),
        ("top=1", "top=1, seed=0", "load(seed)"),
        ("    width: int\n", "    width: int\n    height: int\n", "Model.height"),
        ("size: int = 1", "size: int = 1, *, depth: int = 2", "Model.__init__(depth)"),
    ],
)
def test_what_is_new(old: str, new: str, name: str) -> None:
    changes = compare(BEFORE, {"bnas.zoo": BEFORE["bnas.zoo"].replace(old, new)})
    assert (changes.breaking, changes.added) == ((), (f"bnas.zoo.{name}",))


def test_another_default_is_a_change() -> None:
    changes = compare(BEFORE, {"bnas.zoo": BEFORE["bnas.zoo"].replace("top=1", "top=5")})
    assert (changes.breaking, changes.added) == ((), ())
    assert changes.changed == (
        "bnas.zoo.load(top): keyword-only None = 1 became keyword-only None = 5",
    )


def test_a_class_method_may_be_called_as_before() -> None:
    new = BEFORE["bnas.zoo"].replace("    def run(self,", "    @classmethod\n    def run(cls,")
    assert not [line for line in compare(BEFORE, {"bnas.zoo": new}).breaking if "class" in line]


def test_a_stub_that_is_no_python_names_its_class() -> None:
    with pytest.raises(ReleaseError, match=r"the stub of bnas\.zoo must be Python .* in Model\)"):
        compare(
            {"bnas.zoo": BEFORE["bnas.zoo"].replace("size: int = 1", "size: int = 1, b")}, BEFORE
        )


def test_modules_come_and_go() -> None:
    changes = compare(BEFORE, {"bnas.zoo.testing": "x = 1\n"})
    assert changes.breaking == ("bnas.zoo: module removed",)
    assert changes.added == ("bnas.zoo.testing: new module",)


def test_a_stub_tells_what_a_caller_sees(checkout: Checkout) -> None:
    checkout.write(
        ZOO,
        """
        from typing import NamedTuple
        import attrs
        from bnas.zoo.inner import Base
        __all__ = ["Card", "Failure", "Pair"]
        @attrs.frozen(kw_only=True)
        class Card(Base):
            name: str
            _secret: int = attrs.field(default=3)
            counts: list = attrs.field(factory=list)
            made: int = attrs.field(init=False)
            @property
            def size(self) -> int: return 1
            async def wait(self): ...
            def _hidden(self): ...
        class Failure(ValueError):
            def __init__(self, path: str):
                self.path = path
        class Pair(NamedTuple):
            left: int
            right: int = 0
        """,
    )
    checkout.write(
        "packages/zoo/src/bnas/zoo/inner.py",
        "import attrs\n@attrs.frozen\nclass Base:\n    kind: str = 'x'\n    def run(self): ...\n",
    )
    text = parse(make(checkout.package("zoo"), Source(checkout.root)))["bnas.zoo"]
    assert text == (
        "class Card(Base):\n"
        "    def __init__(self, kind: str = 'x', *, "
        "name: str, secret: int = 3, counts: list = ...): ...\n"
        "    made: int\n"
        "    def run(self): ...\n"
        "    size: int\n"
        "    async def wait(self): ...\n"
        "class Failure(ValueError):\n"
        "    def __init__(self, path: str): ...\n"
        "    path: str\n"
        "class Pair(NamedTuple):\n"
        "    def __init__(self, left: int, right: int = 0): ...\n"
    )


def test_what_a_sibling_imports_is_kept_even_when_it_no_longer_does(checkout: Checkout) -> None:
    checkout.write("packages/cells/src/bnas/cells/inner.py", "def fold(x): ...\nother, N = 1, 2\n")
    checkout.write(ZOO, "from bnas.cells.inner import N, fold\n")
    package = checkout.package("cells")
    text = make(package, Source(checkout.root))
    section = "## bnas.cells.inner (for siblings and signatures)\nN = 2\ndef fold(x): ...\n"
    assert text.endswith(section)
    checkout.write("packages/cells/public-api.txt", text)
    checkout.write(ZOO, "")
    assert make(package, Source(checkout.root)) == text


def test_choices_that_signatures_name_are_kept(checkout: Checkout) -> None:
    checkout.write(
        "packages/zoo/src/bnas/zoo/inner.py",
        """
        import enum
        from typing import Literal
        Choice = Literal["near", "far"]
        Other = Literal["none"]
        class Kind(enum.Enum):
            ONE = 1
            def of(self, choice: Choice): ...
        class Plain: ...
        """,
    )
    checkout.write(
        ZOO,
        """
        from bnas.zoo.inner import Kind, Other, Plain
        __all__ = ["ask"]
        __all__ += ["tell"]
        def ask(kind: Kind | None, plain: Plain) -> None:
            other: Other = "none"
        class tell:
            class Inner(Base):
                def run(self, x): ...
        """,
    )
    text = make(checkout.package("zoo"), Source(checkout.root))
    assert "class tell:\n    class Inner(Base):\n        def run(self, x): ...\n" in text
    section = "class Kind(enum.Enum):\n    ONE = 1\n    def of(self, choice: Choice): ...\n"
    choice = "Choice = Literal['near', 'far']\n"
    assert text.endswith(f"## bnas.zoo.inner (for siblings and signatures)\n{choice}{section}")
    told = compare(parse(text), parse(text.replace(", 'far'", "").replace("    ONE = 1\n", "")))
    assert told.breaking == (
        "bnas.zoo.inner.Choice: no longer takes 'far'",
        "bnas.zoo.inner.Kind.ONE: name was removed",
    )


def test_every_overload_is_kept(checkout: Checkout) -> None:
    first = "@overload\nasync def answer(x: int) -> int: ...\n"
    second = "@overload\nasync def answer(x: str, y: int=1) -> str: ...\n"
    both = f"{first}{second}async def answer(x, y=1): ...\n"
    checkout.write(ZOO, f"from typing import overload\n{both}")
    sections = {"bnas.zoo": both}
    assert parse(make(checkout.package("zoo"), Source(checkout.root))) == sections
    told = compare(sections, {"bnas.zoo": both.replace(second, "")})
    assert told.breaking == ("bnas.zoo.answer[overload 2]: name was removed",)
    assert listed_names(both) == {"answer"}


def test_an_all_that_is_no_list_is_refused(checkout: Checkout) -> None:
    checkout.write(ZOO, "from bnas.zoo import inner\n__all__ = inner.__all__\n")
    with pytest.raises(ReleaseError, match=r"`__all__` of bnas.zoo must .* \(got inner.__all__\)"):
        make(checkout.package("zoo"), Source(checkout.root))


def test_a_difference_names_what_to_do(checkout: Checkout) -> None:
    package = checkout.package("zoo")
    assert difference(package, Source(checkout.root)) is None
    checkout.write(ZOO, "def answer(question): ...\ndef ask(): ...\n")
    told = difference(package, Source(checkout.root))
    assert told is not None
    assert "(breaking)" in told
    assert "breaking: bnas.zoo.answer(loud): parameter was removed" in told
    assert "added: bnas.zoo.ask" in told
    assert "must raise the minor" in told
    assert "python -m maintenance.public_api --write" in told


def test_nothing_is_renewed_without_a_fragment(
    checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    checkout.write(ZOO, "def ask(): ...\n")
    kept = read(checkout.package("zoo"))
    for kind, code in (("added", 1), ("fixed", 1), ("removed", 0)):
        checkout.write(f"packages/zoo/changelog.d/+ask.{kind}.md", "`ask`.\n")
        assert main(["--write", "zoo"], checkout.root) == code
        assert (read(checkout.package("zoo")) == kept) == bool(code)
    assert "+<slug>.breaking.md" in capsys.readouterr().err
    assert main(["zoo"], checkout.root) == 0


def test_what_was_never_released_breaks_nobody(
    released: Callable[[str], Checkout], capsys: pytest.CaptureFixture[str]
) -> None:
    checkout = released("zoo")
    checkout.write(f"{ZOO}", "def answer(question, *, loud=False): ...\ndef ask(): ...\n")
    checkout.write("packages/zoo/changelog.d/+ask.added.md", "`ask`.\n")
    assert main(["--write", "zoo"], checkout.root) == 0
    checkout.write(f"{ZOO}", "def answer(question, *, loud=False): ...\n")
    assert main(["zoo"], checkout.root) == 1
    assert "breaking: bnas.zoo.ask" in capsys.readouterr().err
    assert main(["--write", "zoo"], checkout.root) == 0
