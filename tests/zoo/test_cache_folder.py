"""Where the cache is, where a checkout is, and what is said of a model without weights."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from bnas.zoo import cache
from bnas.zoo.cache import cache_folder, is_offline, locate, resolve
from bnas.zoo.cards import Card
from bnas.zoo.errors import UnknownModelError, UntrainedModelError
from bnas.zoo.index import Entry
from bnas.zoo.preprocessing import Preprocessing

HOW = Preprocessing(size=32, mean=(0, 0, 0), std=(1, 1, 1))


@pytest.mark.parametrize("value", ["", "0", "false", "No", "off"])
def test_online_is_the_rule(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BNAS_OFFLINE", value)
    assert not is_offline()


def test_the_cache_has_three_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setenv("BNAS_HOME", str(tmp_path / "home"))
    assert cache_folder() == tmp_path / "home"
    monkeypatch.setenv("BNAS_HOME", "~/own")
    assert cache_folder() == tmp_path / "user" / "own"
    monkeypatch.delenv("BNAS_HOME")
    assert cache_folder() == tmp_path / "xdg" / "bnas"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/is/ignored")
    assert cache_folder() == tmp_path / "user" / ".cache" / "bnas"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == tmp_path / "user" / ".cache" / "bnas"


def test_the_checkout_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    source = tmp_path / "packages" / "zoo" / "src" / "bnas" / "zoo"
    source.mkdir(parents=True)
    assert cache.checkout_of(source / "cache.py") is None
    (tmp_path / "packages" / "zoo" / "pyproject.toml").touch()
    assert cache.checkout_of(source / "cache.py") == tmp_path.resolve()
    assert cache.checkout_of(source / "data" / "index.json") == tmp_path.resolve()


def test_untrained_models_say_what_exists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "list_models", lambda trained: ("BNAS-Mini", "BNAS-A"))
    untrained = Card(name="BNAS-H", trained=False, num_classes=1000, preprocessing=HOW)
    with pytest.raises(UntrainedModelError) as caught:
        locate(Entry(card=untrained))
    for word in ("BNAS-H", "not trained", "BNAS-Mini, BNAS-A", "weights=PATH", "train --model"):
        assert word in str(caught.value)
    assert "bnas-tools import CKPT --model BNAS-H" in str(caught.value)
    with pytest.raises(UntrainedModelError) as unpublished:
        locate(Entry(card=attrs.evolve(untrained, name="BNAS-B", architecture="BNAS-B")))
    assert "import" not in str(unpublished.value)
    assert isinstance(caught.value, LookupError)
    assert (caught.value.name, caught.value.trained) == ("BNAS-H", ("BNAS-Mini", "BNAS-A"))
    own = tmp_path / "own"
    own.touch()
    assert locate(Entry(card=untrained), weights=own) == own


def test_resolve_goes_by_name(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.touch()
    entry, path = resolve("bnas-h", weights=own)
    assert (entry.card.name, path) == ("BNAS-H", own)
    with pytest.raises(UnknownModelError, match="BNAS-H"):
        resolve("BNAS-HH", weights=own)
