"""`PackedNetwork`: what it answers, in what shapes, and what it refuses."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from bnas import cells, zoo
from bnas.cells.nn import Network
from bnas.zoo.program.emitter import emit


class TestCall:
    def test_equals_the_module(
        self, small_network: zoo.PackedNetwork, small_module: Network, images: np.ndarray
    ) -> None:
        with torch.no_grad():
            reference = small_module(torch.from_numpy(images)).numpy()
        logits = small_network(images)
        assert logits.dtype == np.float32
        np.testing.assert_allclose(logits, reference, rtol=0, atol=1e-5 * np.abs(reference).max())

    def test_takes_torch_tensors(
        self, small_network: zoo.PackedNetwork, images: np.ndarray
    ) -> None:
        np.testing.assert_array_equal(
            small_network(torch.from_numpy(images)), small_network(images)
        )

    def test_batch_of_one_equals_batch_of_many(
        self, small_network: zoo.PackedNetwork, images: np.ndarray
    ) -> None:
        together = small_network(images)
        for index in range(len(images)):
            alone = small_network(images[index : index + 1])
            np.testing.assert_allclose(alone[0], together[index], atol=1e-5)

    def test_empty_batch(self, small_network: zoo.PackedNetwork) -> None:
        assert small_network(np.zeros((0, 3, 16, 16), np.float32)).shape == (0, 10)

    def test_a_batch_larger_than_the_memory_runs_in_parts(
        self, small_network: zoo.PackedNetwork, images: np.ndarray
    ) -> None:
        program = small_network.program(16, 16)
        many = np.concatenate([images] * (program.images_together + 1))
        logits = small_network(many, threads=1)
        for start in range(0, len(many), len(images)):
            np.testing.assert_array_equal(
                logits[start : start + len(images)], logits[: len(images)]
            )
        traced = small_network.trace(many)
        assert all(len(value) == len(many) for value in traced.values())
        np.testing.assert_array_equal(traced["logits"], logits)

    def test_threads_change_no_bit(
        self, small_network: zoo.PackedNetwork, images: np.ndarray
    ) -> None:
        one, two = (small_network(images, threads=count) for count in (1, 2))
        np.testing.assert_array_equal(one, two)

    def test_calls_from_several_threads(
        self, small_network: zoo.PackedNetwork, images: np.ndarray
    ) -> None:
        expected = small_network(images)
        with ThreadPoolExecutor(4) as pool:
            for logits in pool.map(lambda _: small_network(images), range(8)):
                np.testing.assert_array_equal(logits, expected)

    def test_several_sizes(self, small_network: zoo.PackedNetwork) -> None:
        for height, width in ((16, 16), (32, 16), (20, 24), (32, 32), (8, 8), (16, 16)):
            images = np.ones((1, 3, height, width), np.float32)
            assert small_network(images).shape == (1, 10)

    def test_input_is_not_changed(
        self, small_network: zoo.PackedNetwork, images: np.ndarray
    ) -> None:
        before = images.copy()
        small_network(images)
        np.testing.assert_array_equal(images, before)


class TestTrace:
    def test_names_every_stage(self, small_network: zoo.PackedNetwork, images: np.ndarray) -> None:
        traced = small_network.trace(images)
        assert list(traced) == ["stem", *(f"cell_{index:02d}" for index in range(6)), "logits"]

    def test_equals_the_module(
        self, small_network: zoo.PackedNetwork, small_module: Network, images: np.ndarray
    ) -> None:
        with torch.no_grad():
            reference = small_module.trace(torch.from_numpy(images))
        traced = small_network.trace(images)
        assert set(traced) == set(reference)
        for stage, value in reference.items():
            np.testing.assert_allclose(traced[stage], value.numpy(), atol=1e-4, err_msg=stage)

    def test_does_not_change_the_answer(
        self, small_network: zoo.PackedNetwork, images: np.ndarray
    ) -> None:
        np.testing.assert_array_equal(small_network.trace(images)["logits"], small_network(images))


class TestProgram:
    def test_zero_half_of_the_stream_is_never_written(
        self, small_network: zoo.PackedNetwork
    ) -> None:
        """A cell adds to the live half of the residual stream, in the stream's own buffer."""
        steps = emit(small_network.parameters.graph, small_network.parameters, (16, 16)).steps
        places = [place for step in steps for place in step.writes]
        streams = {place.buffer for place in places if place.buffer.startswith("cells.0.")}
        assert streams == {"cells.0.concat"}
        assert not [place for place in places if place.buffer == "cells.1.output"]

    def test_pruned_layers_are_not_run(self, small_network: zoo.PackedNetwork) -> None:
        steps = emit(small_network.parameters.graph, small_network.parameters, (16, 16)).steps
        sources = [getattr(step, "source", "") for step in steps]
        assert "cells.2.preprocess0.sign" in sources
        assert "cells.2.preprocess1.sign" not in sources  # dead: Zeroise drops what reads it


class TestBadImages:
    @pytest.mark.parametrize(
        ("images", "message"),
        [
            (np.zeros((3, 16, 16), np.float32), r"\(N, 3, H, W\) \(got \(3, 16, 16\)\)"),
            (np.zeros((1, 1, 16, 16), np.float32), r"got \(1, 1, 16, 16\)"),
            (np.zeros((1, 3, 16, 16), np.uint8), "normalised floats.*uint8"),
            (np.full((1, 3, 16, 16), np.nan, np.float32), "NaN"),
            (np.full((1, 3, 16, 16), np.inf, np.float32), "infinity"),
            (np.zeros((1, 3, 15, 16), np.float32), "15x16 pixels do not fit"),
            (np.zeros((1, 3, 0, 0), np.float32), "0x0 pixels do not fit"),
            ("photo", r"\(N, 3, H, W\)"),
        ],
    )
    def test_refused_with_one_line(
        self, small_network: zoo.PackedNetwork, images: object, message: str
    ) -> None:
        with pytest.raises(zoo.ImagesError, match=message) as caught:
            small_network(images)
        assert "\n" not in str(caught.value)


class TestPredict:
    def test_confidences_are_a_sorted_distribution(self, small_network: zoo.PackedNetwork) -> None:
        photo = Image.effect_noise((48, 40), 80).convert("RGB")
        answers = small_network.predict(photo, top=99)
        assert len(answers) == 10
        assert sum(answer.confidence for answer in answers) == pytest.approx(1)
        confidences = [answer.confidence for answer in answers]
        assert confidences == sorted(confidences, reverse=True)
        assert small_network.predict(photo, top=3) == answers[:3]

    def test_path_and_image_agree(self, small_network: zoo.PackedNetwork, tmp_path: Path) -> None:
        photo = Image.effect_noise((48, 40), 80).convert("RGB")
        photo.save(tmp_path / "photo.png")
        assert small_network.predict(tmp_path / "photo.png") == small_network.predict(photo)

    def test_without_a_card_classes_are_numbered(self, small_network: zoo.PackedNetwork) -> None:
        answer = small_network.predict(Image.new("RGB", (32, 32)))[0]
        assert answer.label == f"class {answer.index}"

    @pytest.mark.parametrize("top", [0, -1, "3"])
    def test_top_below_one(self, small_network: zoo.PackedNetwork, top: int) -> None:
        with pytest.raises(ValueError, match="`top` must be an integer of at least 1"):
            small_network.predict(Image.new("RGB", (32, 32)), top=top)


class TestToTorch:
    def test_same_function(self, small_network: zoo.PackedNetwork, images: np.ndarray) -> None:
        module = small_network.to_torch()
        assert not module.training
        with torch.no_grad():
            logits = module(torch.from_numpy(images)).numpy()
        np.testing.assert_allclose(logits, small_network(images), atol=1e-5)

    def test_can_be_trained_on_and_packed_again(
        self, small_network: zoo.PackedNetwork, images: np.ndarray
    ) -> None:
        module = small_network.to_torch().train()
        optimizer = torch.optim.SGD(module.parameters(), 0.05)
        labels = torch.arange(5) % 10
        losses = []
        for _ in range(8):
            module.project_latents_()
            loss = torch.nn.functional.cross_entropy(module(torch.from_numpy(images)), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert losses[-1] < losses[0]
        module.eval()
        with torch.no_grad():
            reference = module(torch.from_numpy(images)).numpy()
        np.testing.assert_allclose(zoo.pack(module)(images), reference, atol=1e-4)


def test_sizes_are_what_is_held(small_network: zoo.PackedNetwork) -> None:
    graph = small_network.parameters.graph
    binary = sum(
        node.out_channels * node.kernel**2 * -(-node.in_channels // 8)
        for node in graph
        if isinstance(node, cells.nodes.BinaryConv)
    )
    assert small_network.binary_weight_bytes == binary
    assert small_network.float_bytes == 4 * cells.cost(small_network.spec).params
    assert "MB" in repr(small_network)


def test_a_packed_network_needs_no_torch(small_network: zoo.PackedNetwork, tmp_path: Path) -> None:
    small_network.save(tmp_path / "small.safetensors")
    script = (
        "import sys, numpy as np\n"
        "from bnas import zoo\n"
        f"network = zoo.load_file({str(tmp_path / 'small.safetensors')!r})\n"
        "assert network(np.ones((1, 3, 16, 16), np.float32)).shape == (1, 10)\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


class TestNewClassifier:
    """`to_torch(num_classes=…)`: a pretrained trunk to fine-tune."""

    def test_the_trunk_is_kept(self, small_network: zoo.PackedNetwork, images: np.ndarray) -> None:
        own, new = small_network.to_torch(), small_network.to_torch(num_classes=7)
        assert new.spec.num_classes == 7
        with torch.no_grad():
            before, after = (each.trace(torch.from_numpy(images)) for each in (own, new))
        assert before.keys() == after.keys()
        for stage in before.keys() - {"logits"}:
            assert torch.equal(before[stage], after[stage])
        assert after["logits"].shape == (5, 7)

    def test_its_seed_decides_and_torch_s_generator_does_not(
        self, small_network: zoo.PackedNetwork
    ) -> None:
        torch.manual_seed(5)
        expected = torch.rand(3)
        torch.manual_seed(5)
        weights = [
            small_network.to_torch(num_classes=10, seed=seed).classifier.weight.detach()
            for seed in (0, 0, 1)
        ]
        assert torch.equal(torch.rand(3), expected)
        assert torch.equal(weights[0], weights[1])
        assert not torch.equal(weights[0], weights[2])
        bound = weights[0].shape[1] ** -0.5
        assert 0.9 * bound < weights[0].abs().max() <= bound
        own = small_network.to_torch().classifier.weight.detach()
        assert not torch.equal(weights[0], own)  # as many classes as its own are new ones too

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ({"num_classes": 0}, "num_classes"),
            ({"num_classes": -1}, "num_classes"),
            ({"num_classes": 2.0}, "got 2.0"),
            ({"num_classes": True}, "num_classes"),
            ({"num_classes": "10"}, "got '10'"),
            ({"num_classes": 10**9}, "num_classes"),
            ({"num_classes": 10, "seed": -1}, "seed"),
            ({"num_classes": 10, "seed": None}, "seed"),
        ],
    )
    def test_what_cannot_be_is_refused(
        self, small_network: zoo.PackedNetwork, arguments: dict[str, Any], words: str
    ) -> None:
        with pytest.raises(zoo.ParametersError, match=words):
            small_network.to_torch(**arguments)

    def test_a_graph_of_one_s_own_ends_as_it_is(self, small_network: zoo.PackedNetwork) -> None:
        spec = cells.GraphSpec(graph=small_network.parameters.graph, template="cifar")
        network = zoo.PackedNetwork(spec, small_network.parameters)
        with pytest.raises(zoo.ParametersError, match="given by its graph"):
            network.to_torch(num_classes=3)
