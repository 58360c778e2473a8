"""Every model of the zoo keeps its word: what its card says, its file and its network do."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path

import attrs
import numpy as np
import pytest
import torch

from bnas import cells, zoo
from bnas.cells.nn import Network
from bnas.zoo.cache import locate
from bnas.zoo.checksum import file_sha256
from bnas.zoo.counts import Counts
from bnas.zoo.evaluate import evaluate
from bnas.zoo.index import Entry, bundled_index
from bnas.zoo.photos import bundled_photos
from bnas.zoo.testing import compare_with_module

ENTRIES = {entry.card.full_name: entry for entry in bundled_index().entries}
TRAINED = tuple(name for name, entry in ENTRIES.items() if entry.card.trained)
UNTRAINED = tuple(name for name, entry in ENTRIES.items() if not entry.card.trained)
#: What each set of weights sees in a bundled photo, found when it was published: its first answer
#: and the confidence in it. New weights are entered here with the photo of the class they know.
ANSWERS = {
    "BNAS-Mini.plus-cpu": ("airplane-cifar10.jpg", "airplane", 0.931),
    "BNAS-Mini.lean": ("airplane-cifar10.jpg", "airplane", 0.905),
    "BNAS-A.plus-cpu": ("horse-cifar10.jpg", "horse", 0.741),
    "BNAS-A.lean": ("ship-cifar10.jpg", "ship", 0.902),
    "BNAS-A.pool": ("truck-cifar10.jpg", "truck", 0.986),
}
#: Weights of a variant of their model, by what is different.
VARIANTS = {
    "BNAS-Mini.lean": {"reduction_skip": "binary"},
    "BNAS-A.lean": {"reduction_skip": "binary"},
    "BNAS-A.pool": {"reduction_skip": "pool"},
}
#: Test images by the beginning of the data set's name, as a folder a class: variables that name
#: the folder, for the slow tests.
DATA = {"CIFAR-10": "BNAS_TEST_CIFAR10", "Tiny ImageNet": "BNAS_TEST_TINY_IMAGENET"}


@functools.cache
def loaded(name: str) -> zoo.PackedNetwork:
    return zoo.load(name)


def test_the_nine_are_all_here() -> None:
    assert {entry.card.name for entry in ENTRIES.values()} == set(cells.list_specs())
    assert set(ANSWERS) == set(TRAINED)


@pytest.mark.parametrize("name", TRAINED)
class TestTrained:
    def test_the_file_is_the_card_s(self, name: str) -> None:
        entry = ENTRIES[name]
        path = locate(entry)
        assert file_sha256(path) == entry.card.sha256
        assert path.stat().st_size == entry.card.size_bytes

    def test_it_loads_as_what_its_card_says(self, name: str) -> None:
        network, card = loaded(name), ENTRIES[name].card
        assert network.card == card
        named = cells.spec(card.architecture, num_classes=card.num_classes)
        assert network.spec == attrs.evolve(named, **VARIANTS.get(name, {}))
        assert network.spec.num_classes == card.num_classes
        assert network.spec.input_size == card.preprocessing.size
        assert network.float_bytes == card.float_size_bytes
        stated = (card.top1, card.top5, card.dataset, card.recipe, card.epochs, card.seed)
        assert None not in (*stated, card.version, card.licence, card.measured_with)

    def test_it_answers_in_the_card_s_shape(self, name: str) -> None:
        network, card = loaded(name), ENTRIES[name].card
        size = card.preprocessing.size
        logits = network(np.zeros((3, 3, size, size), np.float32))
        assert (logits.shape, logits.dtype) == ((3, card.num_classes), np.float32)
        assert np.isfinite(logits).all()

    def test_it_is_counted_as_its_card_says(self, name: str) -> None:
        check_counts(ENTRIES[name], loaded(name).spec)

    def test_packed_is_torch(self, name: str) -> None:
        network = loaded(name)
        size = network.spec.input_size
        images = np.random.default_rng(0).standard_normal((2, 3, size, size)).astype(np.float32)
        result = compare_with_module(network, network.to_torch(), images)
        assert (result.wrong_bits, result.bits > 0) == (0, True)
        assert result.largest_error <= 1e-4

    def test_it_knows_a_photo(self, name: str) -> None:
        file, label, confidence = ANSWERS[name]
        (photo,) = (each for each in bundled_photos() if each.path.name == file)
        answer = loaded(name).predict(photo.path, top=1)[0]
        assert answer.label == label
        assert answer.confidence == pytest.approx(confidence, abs=0.01)

    @pytest.mark.slow
    def test_it_is_as_accurate_as_its_card_says(
        self, name: str, record_property: Callable[[str, object], None]
    ) -> None:
        card = ENTRIES[name].card
        (variable,) = (v for data, v in DATA.items() if str(card.dataset).startswith(data))
        if variable not in os.environ:
            pytest.fail(f"needs the test images: set {variable} to their folder")
        result = evaluate(loaded(name), Path(os.environ[variable]))
        record_property("top1", result.top1)
        record_property("card_top1", card.top1)
        # Two decimals on the card; of an image that is a tie, another CPU may say otherwise.
        assert result.top1 == pytest.approx(card.top1, abs=0.015)
        assert result.top5 == pytest.approx(card.top5, abs=0.015)


@pytest.mark.parametrize("name", UNTRAINED)
class TestUntrained:
    def test_it_says_what_there_is_instead(self, name: str) -> None:
        with pytest.raises(zoo.UntrainedModelError) as caught:
            zoo.load(name)
        message = str(caught.value)
        for word in (name, *zoo.list_models(trained=True), f"bnas-tools train --model {name}"):
            assert word in message
        assert (caught.value.name, caught.value.trained) == (name, zoo.list_models(trained=True))
        assert "\n" not in message

    def test_it_builds_at_its_size(self, name: str) -> None:
        """As a module without memory: every layer is there, of the shape that is counted."""
        card = ENTRIES[name].card
        with torch.device("meta"):
            module = Network(cells.spec(name), pruned=False)
        found = sum(parameter.numel() for parameter in module.parameters())
        assert card.counts is not None
        assert found == card.counts.params
        size = card.preprocessing.size
        logits = module.eval()(torch.empty((1, 3, size, size), device="meta"))
        assert logits.shape == (1, card.num_classes)

    def test_it_is_counted_as_its_card_says(self, name: str) -> None:
        check_counts(ENTRIES[name], cells.spec(name))


def check_counts(entry: Entry, spec: cells.Spec) -> None:
    """Compare a card with a count of the network's layers, and with one of its own."""
    counts, card = Counts.of(spec), entry.card
    assert card.counts == counts
    paper, deployed = (cells.cost(spec, rule=rule) for rule in ("paper", "deployed"))
    assert counts.params == paper.params == deployed.params
    assert (counts.paper_flops, counts.paper_memory_bytes) == (paper.flops, paper.memory_bytes)
    assert (counts.deployed_flops, counts.deployed_memory_bytes) == (
        deployed.flops,
        deployed.memory_bytes,
    )
