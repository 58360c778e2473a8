"""What the tests of the command share: a way to call it, and small networks to call it with."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from bnas import cells, zoo
from bnas.tools.main import main
from bnas.zoo.cards import CIFAR10_CLASSES
from bnas.zoo.photos import bundled_photos


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Call `bnas-tools` in this process; its exit code must be `code`."""
    monkeypatch.delenv("BNAS_DEBUG", raising=False)

    def run(*arguments: object, code: int = 0) -> Result:
        result = CliRunner().invoke(main, [str(each) for each in arguments], prog_name="bnas-tools")
        assert result.exit_code == code, result.output
        return result

    return run


@pytest.fixture
def document(call: Callable[..., Result]) -> Callable[..., Any]:
    """Call the command with ``--json`` and parse what it writes to stdout."""

    def run(*arguments: object, code: int = 0) -> Any:
        return json.loads(call(*arguments, "--json", code=code).stdout)

    return run


@pytest.fixture
def refusal(call: Callable[..., Result]) -> Callable[..., str]:
    """Call the command wrongly; it must write one line ``Error: …`` to stderr, else nothing.

    A list may follow, of one line ``  - …`` an item.
    """

    def run(*arguments: object, code: int = 1) -> str:
        result = call(*arguments, code=code)
        assert result.stdout == ""
        line, *items = result.stderr.splitlines()
        assert line.startswith("Error: ")
        assert all(item.startswith("  - ") for item in items)
        return "\n".join([line.removeprefix("Error: "), *items])

    return run


_SMALL_SEARCH = "epochs = 1\nbatch_size = 4\ncells = 3\nchannels = 2\ncrop_padding = 1\n"


@pytest.fixture
def sweep_plan(
    tmp_path: Path, photo_folders: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """Arguments of a small search, whose processes find the packages wherever these lie."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    photo_folders(tmp_path / "data" / "train", 8, "blue", "red")
    (tmp_path / "recipe.toml").write_text(_SMALL_SEARCH)
    words = {"--data": "data", "--recipe": "recipe.toml", "--out": "out"}
    pairs = ((name, str(tmp_path / place)) for name, place in words.items())
    return ["search", *(word for pair in pairs for word in pair)]


@pytest.fixture(scope="module")
def ray_cluster() -> Iterator[None]:
    """Two processors of this machine as Ray's cluster.

    Of a module: an actor that a failure has left behind, until it is collected, keeps a processor.
    """
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield
    ray.shutdown()


@pytest.fixture(scope="session")
def photo() -> Path:
    return bundled_photos()[0].path


def packed(spec: cells.NetworkSpec, name: str) -> zoo.PackedNetwork:
    """Pack a network of random weights whose answers depend on the photo."""
    # Here, because many tests of the command run where there is no torch.
    import torch

    from bnas.cells.nn import Network

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = Network(spec).eval()
        for key, tensor in module.state_dict().items():
            if key.endswith("running_mean"):
                tensor.normal_(std=0.5)
    network = zoo.pack(module)
    network.card = zoo.Card(
        name=name,
        tag="random",
        trained=True,
        num_classes=10,
        class_names=CIFAR10_CLASSES,
        preprocessing=network.preprocessing,
    )
    return network


@pytest.fixture(scope="session")
def tiny_network() -> zoo.PackedNetwork:
    spec = cells.NetworkSpec(genotype=cells.genotypes["bnas-cifar10"], num_cells=3, channels=4)
    return packed(spec, "Tiny")


@pytest.fixture(scope="session")
def tiny_weights(tiny_network: zoo.PackedNetwork, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tiny") / "tiny.safetensors"
    tiny_network.save(path)
    return path


@pytest.fixture(scope="session")
def mini_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mini") / "mini.safetensors"
    packed(cells.spec("BNAS-Mini"), "BNAS-Mini").save(path)
    return path


@pytest.fixture
def photo_folders() -> Callable[..., Path]:
    """Make `photo_folders(root, count, *classes)`: noise of 8x8 pixels, `count` photos a class."""

    def make(root: Path, count: int, *classes: str) -> Path:
        source = np.random.default_rng(0)
        for place, name in enumerate(classes):
            (root / name).mkdir(parents=True)
            for index in range(count):
                pixels = source.integers(0, 160, (8, 8, 3), dtype=np.uint8)
                pixels[..., place % 3] += 80
                Image.fromarray(pixels).save(root / name / f"{index}.png")
        return root

    return make
