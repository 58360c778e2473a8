"""The command as a process of its own: what it loads, what it writes, how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ALONE = """
import sys
sys.modules["torch"] = None  # to import it fails now
from bnas.tools.main import main
weights, photo = sys.argv[1:]
for arguments in (
    ["predict", photo, "--weights", weights],
    ["list"],
    ["info", "BNAS-D"],
    ["cost", "BNAS-A"],
    ["draw", "BNAS-A", "-o", "cells.svg"],
    ["demo", "--weights", weights],
):
    main(arguments, standalone_mode=False)
assert sys.modules["torch"] is None
loaded = [name for name in sys.modules if name.startswith(("torch.", "torchvision", "bnas.search"))]
assert not loaded, loaded
"""


def run(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    # Not -W error, which nothing overrides: `make lowest` has old libraries' warnings ignored.
    warnings = ",".join(filter(None, ["error", os.environ.get("PYTHONWARNINGS")]))
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        env={**os.environ, "PYTHONWARNINGS": warnings},
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
    )


@pytest.mark.parametrize(("given", "shown"), [("", True), ("ignore::DeprecationWarning", False)])
def test_a_deprecation_is_an_error_unless_the_environment_ignores_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, shown: bool
) -> None:
    monkeypatch.setenv("PYTHONWARNINGS", given)
    done = run("-c", "import warnings; warnings.warn('old', DeprecationWarning)", cwd=tmp_path)
    assert ("DeprecationWarning: old" in done.stderr) == shown
    assert bool(done.returncode) == shown


def test_six_commands_need_no_torch(tiny_weights: Path, photo: Path, tmp_path: Path) -> None:
    done = run("-c", ALONE, tiny_weights, photo, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert {path.name for path in tmp_path.iterdir()} == {"cells.svg", "demo.png"}
    assert "not loaded" in done.stdout


def test_predict_writes_one_document(tiny_weights: Path, photo: Path, tmp_path: Path) -> None:
    options = ("--weights", tiny_weights, "--json")
    done = run("-m", "bnas.tools.main", "predict", photo, *options, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["predictions"][0]["path"] == str(photo)


def test_a_mistake_ends_in_one_line(tmp_path: Path) -> None:
    done = run("-m", "bnas.tools.main", "cost", "BNAS-AA", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: unknown model 'BNAS-AA'; did you mean 'BNAS-A'")
    assert done.stderr.count("\n") == 1


def test_help_loads_no_package_of_the_toolkit(tmp_path: Path) -> None:
    script = (
        "import sys\nfrom bnas.tools.main import main\n"
        "main(['--help'], standalone_mode=False)\n"
        "loaded = [name for name in sys.modules if name.startswith(('bnas.', 'rich', 'numpy'))]\n"
        "assert all(name.startswith('bnas.tools') for name in loaded), loaded\n"
    )
    done = run("-c", script, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
