"""bnas-zoo alone: the default model, from the wheel, names what a bundled photo shows."""

from __future__ import annotations

import importlib.resources

from bnas import zoo

photos = importlib.resources.files("bnas.zoo") / "photos"
photo = min(path for path in photos.iterdir() if path.name.endswith(".jpg"))
model = zoo.load("BNAS-Mini")
assert "BNAS-Mini" in zoo.list_models()
with importlib.resources.as_file(photo) as path:
    assert len(model.predict(path, top=3)) == 3
