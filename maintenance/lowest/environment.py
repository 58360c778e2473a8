"""An environment of a package's lowest versions, and its tests in there."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import attrs

from maintenance.distributions import Distribution, distributions
from maintenance.lowest.bounds import lowest_of, requirements
from maintenance.release.versions import Version

#: What an older library says of its newer neighbours is neither one's fault that is tested here.
_IGNORED = ("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")

#: Errors of pip's that stand around the one that says why: versions that it passed over, a link.
_NO_REASONS = ("ERROR: Ignored the following", "ERROR: ResolutionImpossible")


class EnvironmentFailure(Exception):
    """An environment that cannot be made; the message says why, in one line."""


@attrs.frozen
class Environment:
    """A virtual environment of one package.

    Args:
        folder: Where it is.
        tree: The checkout whose tests run in it.
    """

    folder: Path
    tree: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    def create(self) -> None:
        """Make it anew, empty.

        Raises:
            EnvironmentFailure: If something else is in its place.
        """
        if self.folder.exists() and not (self.folder / "pyvenv.cfg").is_file():
            raise EnvironmentFailure(f"{self.folder} exists and is no virtual environment")
        _run(sys.executable, "-m", "venv", "--clear", str(self.folder))

    def install(self, *what: str, pins: dict[str, str]) -> None:
        """Install requirements or wheels.

        Args:
            what: What pip is given.
            pins: Versions that nothing may change.

        Raises:
            EnvironmentFailure: If pip fails, or takes a version that its authors withdrew.
        """
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
            constraints.write("".join(f"{name}=={pin}\n" for name, pin in pins.items()))
            constraints.flush()
            pip = (str(self.python), "-m", "pip", "--disable-pip-version-check", "install")
            said = _run(*pip, "--quiet", "--constraint", constraints.name, *what)
        for line in said.splitlines():
            if "yanked version" in line:
                name = (
                    re.findall(r"'([\w.-]+)' candidate \(version ([\w.]+)", line) or [("one", "")]
                )[0]
                raise EnvironmentFailure(
                    f"a lowest version was withdrawn by its authors ({' '.join(name)}); "
                    "raise the bound in the pyproject"
                )

    def check(self) -> None:
        """See that what the tree's packages ask for of each other and of others is there.

        Raises:
            EnvironmentFailure: If it is not; wheels are installed without a look at it.
        """
        pip = (str(self.python), "-m", "pip", "--disable-pip-version-check", "check")
        done = subprocess.run(pip, capture_output=True, text=True, check=False)
        # What others ask for of each other is not declared here.
        for line in done.stdout.splitlines():
            if line.startswith("bnas-"):
                raise EnvironmentFailure(f"the lowest versions do not go together: {line}")

    def test(self, selection: list[str]) -> int:
        """Run tests of the checkout against what is installed; return pytest's exit status."""
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        environment["NUMBA_CACHE_DIR"] = str(self.folder / "numba")
        environment["CI"] = "true"
        # pytest's own options reach no process that a test starts.
        environment["PYTHONWARNINGS"] = ",".join(_IGNORED)
        warnings = [f"-W{each}" for each in _IGNORED]
        command = (str(self.python), "-m", "pytest", "-p", "no:cacheprovider", *warnings)
        return subprocess.run((*command, *selection), cwd=self.tree, env=environment).returncode


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        # Of several errors pip's last says what it lacks or what excludes what.
        errors = [line for line in lines if line.startswith("ERROR:")]
        reasons = [line for line in errors if not line.startswith(_NO_REASONS)]
        said = reasons or errors or lines or ["no reason given"]
        raise EnvironmentFailure(f"{Path(command[0]).name} {command[2]} failed: {said[-1]}")
    return done.stderr


def build_wheels(package: Distribution, folder: Path) -> dict[str, Path]:
    """Build the wheels of a package and of the siblings that it needs, those at their lowest.

    Args:
        package: The package.
        folder: An empty folder for the wheels.

    Returns:
        Short name -> wheel; the package's own comes last.
    """
    everything = distributions(package.tree)
    asked = {each.name: each for each in requirements(package, extras=True)}
    wheels = {}
    for name, sibling in everything.items():
        if sibling.title in asked and name != package.name:
            root = _root_at(sibling, lowest_of(asked[sibling.title]), folder / name)
            wheels[name] = _wheel(root, folder / f"{name}-wheel")
    wheels[package.name] = _wheel(package.root, folder / "own-wheel")
    return wheels


def _root_at(sibling: Distribution, lowest: str, folder: Path) -> Path:
    """Take a sibling's lowest version from its tag; before its first release, from this tree."""
    version = Version.parse(lowest + ".0" * (2 - lowest.count(".")))
    tag = f"{sibling.name}-v{version}"
    archive = ("git", "archive", "--format=tar", tag, sibling.folder)
    done = subprocess.run(archive, cwd=sibling.tree, capture_output=True, check=False)
    if done.returncode == 0:
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
            tar.extractall(folder, filter="data")
        return folder / sibling.folder
    if Version.parse(sibling.version) != version:
        raise EnvironmentFailure(f"there is no tag {tag} here; get it with git fetch --tags")
    return sibling.root


def _wheel(root: Path, folder: Path) -> Path:
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet")
    _run(*pip, "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(root))
    return next(folder.glob("*.whl"))
