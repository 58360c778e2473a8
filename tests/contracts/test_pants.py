"""What Pants is told agrees with the tree and with the pyprojects; Pants itself is not needed.

BUILD files are read as what they are, calls with literal arguments.
"""

from __future__ import annotations

import ast
import dataclasses
import json
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from conftest import Import, Package

RESOLVES = ("default", "tools")
# What only torch or a far extra needs: the tests of it run in plain pytest.
OUTSIDE = {"torch", "torchvision", "tensorboard", "ray", "pyarrow", "nncf", "openvino"}
OUTSIDE |= {"onnx", "onnxruntime", "cuda-toolkit", "nvidia-nvjitlink"}
# What tests need and no distribution declares.
TESTS_ONLY = {"packaging", "pytest"}
NEEDS_TORCH = ("torch", "torchvision", "bnas.search", "bnas.cells.nn")
KINDS = {"python_sources", "python_tests", "python_test_utils"}


@dataclasses.dataclass(frozen=True)
class Target:
    """One call of a BUILD file; what is no literal stays as it is written."""

    kind: str
    fields: dict[str, Any]


def literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return ast.unparse(node)


def targets(folder: Path, *kinds: str) -> list[Target]:
    """Read the targets of a folder, of some kinds; none where there is no BUILD file."""
    path = folder / "BUILD"
    statements = ast.parse(path.read_text(encoding="utf-8")).body if path.is_file() else []
    calls = [s.value for s in statements if isinstance(s, ast.Expr)]
    found = [
        Target(ast.unparse(c.func), {str(k.arg): literal(k.value) for k in c.keywords})
        for c in calls
        if isinstance(c, ast.Call)
    ]
    return [target for target in found if target.kind in kinds]


def kind_of(file: Path) -> str:
    """The kind of target that owns a Python file, by Pants's own rules."""
    if file.name == "conftest.py":
        return "python_test_utils"
    is_test = file.name.startswith("test_") or file.name.endswith("_test.py")
    return "python_tests" if is_test else "python_sources"


def skipped(folder: Path) -> tuple[bool, set[str]]:
    """Tell whether all tests of a folder are skipped under Pants, and which are one by one."""
    names: set[str] = set()
    for target in targets(folder, "python_tests"):
        if target.fields.get("skip_tests"):
            return True, names
        for key, fields in target.fields.get("overrides", {}).items():
            if fields.get("skip_tests"):
                names |= {key} if isinstance(key, str) else set(key)
    return False, names


@pytest.fixture(scope="module")
def settings(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pants.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def folders(tree: list[Path], root: Path) -> dict[Path, list[Path]]:
    """Every folder of Python files, and those."""
    found: dict[Path, list[Path]] = {}
    for path in tree:
        if path.suffix == ".py":
            found.setdefault(path.parent, []).append(path)
    return found


def test_every_python_file_has_a_target(folders: dict[Path, list[Path]], root: Path) -> None:
    wanted = {(folder, kind_of(file)) for folder, files in folders.items() for file in files}
    owned = {(folder, each.kind) for folder in folders for each in targets(folder, *KINDS)}
    told = {f"{folder.relative_to(root)}/BUILD: {kind}" for folder, kind in wanted - owned}
    assert told == set(), "missing; `pants tailor ::` writes them"


def test_no_build_file_names_what_is_gone(tree: list[Path], root: Path) -> None:
    wrong = []
    for path in tree:
        if path.name == "BUILD":
            names = [n for t in targets(path.parent, "resources") for n in t.fields["sources"]]
            names += skipped(path.parent)[1]
            gone = [name for name in names if not any(path.parent.glob(name))]
            wrong += [f"{path.relative_to(root)}: {name}" for name in gone]
    assert wrong == []


def test_every_data_file_is_a_resource_of_the_modules_beside_it(package: Package) -> None:
    owned: set[Path] = set()
    for folder in {path.parent for path in package.files}:
        for data in targets(folder, "resources"):
            owned |= {path for glob in data.fields["sources"] for path in folder.glob(glob)}
            (sources,) = targets(folder, "python_sources")
            assert f":{data.fields['name']}" in sources.fields["dependencies"], folder
    files = {path for path in package.source.rglob("*") if path.is_file()}
    no_data = {path for path in files if "__pycache__" in path.parts or path.name == "BUILD"}
    assert files - no_data - set(package.files) == owned


def test_distribution_is_built_from_its_own_pyproject(package: Package) -> None:
    (distribution,) = targets(package.root, "python_distribution")
    (papers,) = targets(package.root, "resources")
    # Neither a name nor a version: hatchling reads them where they are.
    assert distribution.fields["provides"] == "python_artifact()"
    assert distribution.fields["generate_setup"] is False
    below = {path.parent.relative_to(package.root).as_posix() for path in package.files}
    wanted = {f"./{folder}" for folder in below} | {f":{papers.fields['name']}"}
    assert set(distribution.fields["dependencies"]) == wanted
    needed = {"pyproject.toml", package.project["readme"], *package.project["license-files"]}
    assert needed == set(papers.fields["sources"])


def test_what_the_conftest_loads_by_its_path_comes_along(root: Path) -> None:
    (conftest,) = targets(root / "tests", "python_test_utils")
    beside = {f"tests/{path.name}" for path in (root / "tests").glob("*.py")}
    assert beside - {"tests/conftest.py"} <= set(conftest.fields["dependencies"])


def needs_torch(found: list[Import]) -> list[str]:
    loads = [each for each in found if each.on_import]
    pattern = "|".join(map(re.escape, NEEDS_TORCH))
    return [str(each) for each in loads if re.match(rf"({pattern})(\.|$)", each.module)]


def test_what_pants_tests_loads_no_torch(
    folders: dict[Path, list[Path]], root: Path, scan: Callable[[Path], Iterator[Import]]
) -> None:
    run, wrong = 0, []
    for folder, files in folders.items():
        everything, names = skipped(folder)
        if everything or not folder.is_relative_to(root / "tests"):
            continue
        tests = [file for file in files if kind_of(file) != "python_sources"]
        kept = [file for file in tests if file.name not in names]
        run += len(kept)
        wrong += [line for file in kept for line in needs_torch(list(scan(file)))]
    assert run > 50
    assert wrong == [], "skip_tests=True in the BUILD file, or import it where it is used"


def lines_of(root: Path, resolve: str) -> list[Requirement]:
    text = (root / "maintenance" / "pants" / f"{resolve}.txt").read_text(encoding="utf-8")
    return [Requirement(line) for line in text.splitlines() if line and line[0] != "#"]


@pytest.fixture(scope="module")
def declared(packages: dict[str, Package]) -> dict[str, list[Requirement]]:
    """What others make of what the five declare, extras too, by its name."""
    found: dict[str, list[Requirement]] = {}
    for package in packages.values():
        for each in package.dependencies + [r for rs in package.extras.values() for r in rs]:
            if not each.name.startswith("bnas-"):
                found.setdefault(canonicalize_name(each.name), []).append(each)
    return found


def test_pants_asks_for_what_the_pyprojects_declare(
    root: Path, declared: dict[str, list[Requirement]]
) -> None:
    asked = {canonicalize_name(each.name): each for each in lines_of(root, "default")}
    assert asked.keys() - TESTS_ONLY == declared.keys() - OUTSIDE
    for name in asked.keys() & declared.keys():
        ranges = {str(each.specifier) for each in declared[name]}
        assert str(asked[name].specifier) in ranges, f"{asked[name]} against {ranges}"


def lock_of(settings: dict[str, Any], root: Path, resolve: str) -> tuple[dict[str, Any], str]:
    text = (root / settings["python"]["resolves"][resolve]).read_text(encoding="utf-8")
    comments = [line[3:] for line in text.splitlines() if line.startswith("// ")]
    begin, end = (n for n, line in enumerate(comments) if line.startswith("--- "))
    return json.loads("\n".join(comments[begin + 1 : end])), text


@pytest.mark.parametrize("resolve", RESOLVES)
def test_lockfile_is_of_these_requirements(
    settings: dict[str, Any], root: Path, declared: dict[str, list[Requirement]], resolve: str
) -> None:
    header, text = lock_of(settings, root, resolve)
    asked = lines_of(root, resolve)
    made_for = {Requirement(line) for line in header["generated_with_requirements"]}
    assert made_for == set(asked), "make pants-locks"
    constraints = settings["python"]["interpreter_constraints"]
    assert header["valid_for_interpreter_constraints"] == constraints
    (resolved,) = json.loads(re.sub(r"(?m)^//.*$", "", text))["locked_resolves"]
    locked = {
        canonicalize_name(each["project_name"]): each["version"]
        for each in resolved["locked_requirements"]
    }
    assert locked.keys() & OUTSIDE == set()
    for each in asked:
        name = canonicalize_name(each.name)
        for wanted in [each, *declared.get(name, [])]:
            assert wanted.specifier.contains(locked[name]), f"{wanted} against {locked[name]}"


@pytest.mark.parametrize("resolve", RESOLVES)
def test_lockfile_names_no_place_but_the_public_index(
    settings: dict[str, Any], root: Path, resolve: str
) -> None:
    _, text = lock_of(settings, root, resolve)
    artifacts = re.findall(r'"hash": "([0-9a-f]+)",\s+"url": "([^"]+)"', text)
    assert len(artifacts) == text.count('"url"') > 10
    assert {len(digest) for digest, _ in artifacts} == {64}
    strange = [u for _, u in artifacts if not u.startswith("https://files.pythonhosted.org/")]
    assert strange == []
    assert text.count("://") == len(artifacts)


def test_one_pants_for_everybody(settings: dict[str, Any], root: Path) -> None:
    version = settings["GLOBAL"]["pants_version"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    pins = (root / "maintenance" / "pants" / "constraints.txt").read_text(encoding="utf-8")
    assert f"pantsbuild.pants=={version}" in pins.splitlines()
    assert settings["python"]["resolves"].keys() == set(RESOLVES)
    for tool in ("pytest", "mypy", "ruff", "black"):
        (name,) = settings[tool]["requirements"]
        asked = {each.name for each in lines_of(root, settings[tool]["install_from_resolve"])}
        assert name == tool and name in asked


def test_pants_keeps_away_from_the_files_of_a_release(settings: dict[str, Any], root: Path) -> None:
    makefile = (root / "maintenance" / "pants.mk").read_text(encoding="utf-8")
    folder = settings["GLOBAL"]["pants_distdir"]
    assert re.findall(r"^PANTS_DIST := (.*)$", makefile, re.M) == [folder]
    assert PurePosixPath(folder).parts[0] == "build"
    recipe = [line for line in makefile.splitlines() if line.startswith("\t")]
    assert [line for line in recipe if re.search(r"\bdist\b", line)] == []


def test_every_folder_lies_below_a_source_root(
    settings: dict[str, Any], folders: dict[Path, list[Path]], root: Path
) -> None:
    patterns = settings["source"]["root_patterns"]
    for folder in folders:
        path = PurePosixPath("/") / folder.relative_to(root)
        nearest = [up for up in (path, *path.parents) if any(up.match(p) for p in patterns)][0]
        name = path.relative_to(nearest).parts[:1]
        assert name == ("bnas",) or "src" not in path.parts, path
