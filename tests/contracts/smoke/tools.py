"""bnas-tools alone: the command explains itself, and names what a bundled photo shows."""

from __future__ import annotations

import importlib.resources
import json
import subprocess


def answer(*arguments: str) -> str:
    return subprocess.run(
        ["bnas-tools", *arguments], capture_output=True, text=True, check=True
    ).stdout


assert "predict" in answer("--help")
photos = importlib.resources.files("bnas.zoo") / "photos"
photo = min(path for path in photos.iterdir() if path.name.endswith(".jpg"))
with importlib.resources.as_file(photo) as path:
    assert json.loads(answer("predict", str(path), "--json"))
