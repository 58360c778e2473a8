"""`publish`: a checkpoint becomes a file, a card and an index entry that agree with each other."""

from __future__ import annotations

import shutil
from pathlib import Path

import attrs
import pytest
import torch

from bnas import cells, zoo
from bnas.cells.nn import Network
from bnas.zoo import index as index_module
from bnas.zoo import latency, publishing
from bnas.zoo.counts import Counts
from bnas.zoo.errors import SaveError
from bnas.zoo.evaluate import evaluate
from bnas.zoo.photos import bundled_photos
from bnas.zoo.publishing import Provenance, publish, publish_latency

PROVENANCE = Provenance(tag="test", dataset="fourteen photos", recipe="none", notes="Untrained.")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A final checkpoint of BNAS-Mini, as `bnas.search.train` writes it, with fresh weights."""
    torch.manual_seed(0)
    network = Network(cells.spec("BNAS-Mini"))
    path = tmp_path_factory.mktemp("run") / "final.pt"
    content = {
        "spec": network.spec.to_json(),
        "model": network.eval().state_dict(),
        "recipe": {"epochs": 7, "seed": 3},
    }
    torch.save(content, path)
    return path


@pytest.fixture(scope="module")
def test_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    for photo in bundled_photos():
        (root / photo.label).mkdir(exist_ok=True)
        shutil.copy(photo.path, root / photo.label)
    return root


@pytest.fixture
def index_path(tmp_path: Path) -> Path:
    path = tmp_path / "packages" / "zoo" / "src" / "index.json"
    path.parent.mkdir(parents=True)
    (tmp_path / "packages" / "zoo" / "pyproject.toml").touch()
    shutil.copy(index_module.INDEX_PATH, path)
    return path


@pytest.mark.parametrize("home", ["wheel", "weights"])
def test_file_card_and_index_agree(
    home: str, checkpoint: Path, test_photos: Path, index_path: Path, tmp_path: Path
) -> None:
    entry = publish(
        checkpoint,
        "BNAS-Mini",
        test_photos,
        PROVENANCE,
        home=home,  # type: ignore[arg-type]
        machine="a machine",
        index_path=index_path,
    )
    folder = index_path.parent if home == "wheel" else tmp_path / "weights"
    path = folder / "BNAS-Mini.test.safetensors"
    assert index_module.read_index(index_path).find("BNAS-Mini") == entry
    network = zoo.load_file(path, expected=entry.card.sha256)
    assert entry.card.size_bytes == path.stat().st_size
    assert entry.card.float_size_bytes == network.float_bytes
    assert (entry.card.epochs, entry.card.seed, entry.card.notes) == (7, 3, "Untrained.")
    assert entry.card.measured_with == "packed Program"
    assert entry.card.version == "1"
    assert entry.card.counts == Counts.of(network.spec)
    assert entry.card.latency is not None
    assert entry.card.latency.machine == "a machine"
    again = evaluate(network, test_photos)
    assert entry.card.top1 == pytest.approx(again.top1, abs=0.005)
    assert network.card is not None
    assert network.card.top1 == entry.card.top1


def test_checkpoint_without_a_recipe(
    checkpoint: Path, test_photos: Path, index_path: Path, tmp_path: Path
) -> None:
    content = torch.load(checkpoint, weights_only=True)
    del content["recipe"]
    torch.save(content, tmp_path / "half.pt")
    before = index_path.read_bytes()
    with pytest.raises(zoo.ParametersError, match="`recipe`"):
        publish(tmp_path / "half.pt", "BNAS-Mini", test_photos, PROVENANCE, index_path=index_path)
    assert index_path.read_bytes() == before


def test_other_weights_need_another_version(
    checkpoint: Path, test_photos: Path, index_path: Path
) -> None:
    taken = Provenance(tag="plus-cpu", dataset="none", recipe="none")
    with pytest.raises(zoo.ZooError, match="plus-cpu version 1 is in the zoo already"):
        publish(checkpoint, "BNAS-Mini", test_photos, taken, index_path=index_path)


@pytest.mark.parametrize(
    ("before", "failure"),
    [(None, SaveError("No space left")), (b"an older version", KeyboardInterrupt("stop"))],
)
def test_weights_are_as_before_if_the_index_cannot_be_written(
    checkpoint: Path,
    test_photos: Path,
    index_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    before: bytes | None,
    failure: BaseException,
) -> None:
    path = tmp_path / "weights" / "BNAS-Mini.test.safetensors"
    if before:
        path.parent.mkdir()
        path.write_bytes(before)
    index = index_path.read_bytes()

    def fail(*_: object, **__: object) -> None:
        assert path.read_bytes() != before
        raise failure

    monkeypatch.setattr(publishing, "register", fail)
    with pytest.raises(type(failure), match=str(failure)):
        publish(checkpoint, "BNAS-Mini", test_photos, PROVENANCE, index_path=index_path)
    assert (path.read_bytes() if path.exists() else None) == before
    assert index_path.read_bytes() == index


def test_index_outside_a_checkout(checkpoint: Path, test_photos: Path, tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    shutil.copy(index_module.INDEX_PATH, path)
    with pytest.raises(zoo.ZooError, match="checkout"):
        publish(checkpoint, "BNAS-Mini", test_photos, PROVENANCE, index_path=path)


def test_a_latency_is_written_on_the_card_alone(
    index_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latency, "TIMED_CALLS", 2)
    before = index_module.read_index(index_path)
    wanted = before.find("BNAS-Mini")
    shutil.copy(index_module.PACKAGE_DATA / str(wanted.file), index_path.parent)
    entry = publish_latency("bnas-mini", machine="a machine", index_path=index_path)
    assert entry.card.latency is not None
    assert entry.card.latency.machine == "a machine"
    assert index_module.read_index(index_path) == before.with_card(entry.card)
    assert attrs.evolve(entry.card, latency=None) == attrs.evolve(wanted.card, latency=None)


def test_a_latency_of_other_weights_is_not_written(index_path: Path) -> None:
    before = index_path.read_bytes()
    with pytest.raises(zoo.WeightsFileError, match="no such file"):
        publish_latency("BNAS-Mini", index_path=index_path)
    (index_path.parent / "BNAS-Mini.plus-cpu.safetensors").write_bytes(b"other")
    with pytest.raises(zoo.ChecksumError):
        publish_latency("BNAS-Mini", index_path=index_path)
    with pytest.raises(zoo.UntrainedModelError, match="BNAS-H"):
        publish_latency("BNAS-H", index_path=index_path)
    assert index_path.read_bytes() == before
