"""Importing the authors' checkpoints: golden outputs of their code, and what can be wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import torch

from bnas import cells, zoo
from bnas.cells.nn import BatchNorm2d, Network
from bnas.zoo.official import OFFICIAL_MODELS

TINY = {
    name: cells.NetworkSpec(
        genotype=cells.genotypes["bnas-imagenet"],
        template=template,
        num_cells=5,
        channels=8,
        num_classes=10,
    )
    for name, template in (("cifar_tiny_latest", "cifar"), ("imagenet_tiny_latest", "imagenet"))
}
Golden = Callable[[str], dict[str, np.ndarray]]


def state_of(golden: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {key.removeprefix("sd/"): golden[key] for key in golden if key.startswith("sd/")}


def outputs_of(golden: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    stages = {key.removeprefix("out/"): golden[key] for key in golden if key.startswith("out/")}
    return {**stages, "logits": golden["logits"]}


def assert_agrees(actual: dict[str, Any], golden: dict[str, np.ndarray]) -> None:
    """Every stage of the first image and all logits within 1e-5 of the stage's largest value."""
    expected = outputs_of(golden)
    assert set(actual) == set(expected)
    for stage, reference in expected.items():
        error = np.abs(np.asarray(actual[stage])[: len(reference)] - reference).max()
        assert error <= 1e-5 * np.abs(reference).max(), stage


@pytest.mark.parametrize("name", TINY)
class TestGolden:
    """`tests/golden/*_latest`: state, input, and what the authors' code put out at every cell."""

    def test_numpy_state_through_the_packed_program(self, name: str, golden: Golden) -> None:
        data = golden(name)
        network = zoo.import_official(state_of(data), TINY[name])
        assert_agrees(network.trace(data["input"]), data)

    def test_torch_state_through_torch(self, name: str, golden: Golden) -> None:
        data = golden(name)
        state = {key: torch.from_numpy(value) for key, value in state_of(data).items()}
        module = zoo.import_official(state, TINY[name]).to_torch()
        with torch.no_grad():
            assert_agrees(module.trace(torch.from_numpy(data["input"])), data)

    def test_file_with_prefix_and_wrapper_saved_and_loaded(
        self, name: str, golden: Golden, tmp_path: Path
    ) -> None:
        data = golden(name)
        state = {f"module.{k}": torch.from_numpy(v) for k, v in state_of(data).items()}
        torch.save({"state_dict": state, "epoch": 3}, tmp_path / "official.pt")
        network = zoo.import_official(tmp_path / "official.pt", TINY[name])
        network.save(tmp_path / "own.safetensors")
        assert_agrees(zoo.load_file(tmp_path / "own.safetensors").trace(data["input"]), data)


def test_binarised_weights_are_theirs(golden: Golden) -> None:
    data = golden("cifar_tiny_latest")
    module = zoo.import_official(state_of(data), TINY["cifar_tiny_latest"]).to_torch()
    compared = [key for key in data if key.startswith("binw/")]
    assert compared
    for key in compared:
        name = key.removeprefix("binw/").removesuffix(".weight")
        name = name.replace("op.0", "conv").replace("_ops", "ops")
        conv = module.get_submodule(name)
        own = torch.sign(conv.weight) * conv.weight_scale[:, None, None, None]
        np.testing.assert_allclose(own.detach().numpy(), data[key], rtol=1e-6)


def official_names(state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Rename this project's names to the authors'."""
    renames = (
        (".conv.", ".op.0."),
        (".ops.", "._ops."),
        (".skip.bn.", ".preprocess_res.0."),
        (".skip.op.0.", ".preprocess_res.1."),
        ("stem0.0.op.0.", "stem0.0."),
        ("stem0.0.bn.", "stem0.1."),
        ("stem0.1.op.0.", "stem0.3."),
        ("stem0.1.bn.", "stem0.4."),
        ("stem1.op.0.", "stem1.1."),
        ("stem1.bn.", "stem1.2."),
    )
    renamed = {}
    for name, value in state.items():
        if name.endswith(("num_batches_tracked", "weight_scale")):
            continue
        for own, theirs in renames:
            name = name.replace(own, theirs)
        renamed[name] = value
    return renamed


@pytest.mark.parametrize("num_cells", [6, 7])
def test_channels_that_are_always_zero_contribute_nothing(num_cells: int) -> None:
    """sign(0) = 0 there: preprocess0 after the first reduction reads the zero half with mean 0."""
    network = cells.NetworkSpec(
        genotype=cells.genotypes["bnas-cifar10"],
        num_cells=num_cells,
        channels=6,
        real_weight_tail=2,
    )
    torch.manual_seed(num_cells)
    theirs = Network(network, pruned=False, official_sign=True)
    with torch.no_grad():
        for name, module in theirs.named_modules():
            if isinstance(module, BatchNorm2d):
                module.running_mean.normal_(0, 0.3)
                module.running_var.uniform_(0.5, 2)
            if name == "cells.3.preprocess0.bn":
                module.running_mean[12:] = 0  # what training leaves of a channel that is always 0
    theirs.project_latents_()
    theirs.eval()
    state = {name: value.numpy() for name, value in theirs.state_dict().items()}
    images = np.random.default_rng(0).standard_normal((2, 3, 16, 16)).astype(np.float32)
    packed = zoo.import_official(official_names(state), attrs.evolve(network, real_weight_tail=0))
    with torch.no_grad():
        reference = {k: v.numpy() for k, v in theirs.trace(torch.from_numpy(images)).items()}
    actual = packed.trace(images)
    for stage, expected in reference.items():
        assert np.abs(actual[stage] - expected).max() <= 1e-5 * np.abs(expected).max(), stage


def empty_state(name: str) -> dict[str, np.ndarray]:
    """Return a checkpoint of a published network under the authors' names, one number in memory."""
    network = attrs.evolve(cells.spec(name), real_weight_tail=2)
    with torch.device("meta"):
        state = Network(network, pruned=False).state_dict()
    empty = {key: np.broadcast_to(np.float32(1), value.shape) for key, value in state.items()}
    return official_names(empty)


@pytest.mark.parametrize(
    "name",
    [OFFICIAL_MODELS[0], *(pytest.param(n, marks=pytest.mark.slow) for n in OFFICIAL_MODELS[1:])],
)
def test_a_file_of_the_published_size(name: str, tmp_path: Path) -> None:
    """The network that comes out has the authors' shape and answers."""
    generator = torch.Generator().manual_seed(0)
    state = {
        f"module.{key}": torch.rand(value.shape, generator=generator) - 0.4
        if key.endswith("weight")
        else torch.full(value.shape, 0.5)
        for key, value in empty_state(name).items()
    }
    torch.save({"state_dict": state}, tmp_path / "official.pt")
    network = zoo.import_official(tmp_path / "official.pt", name)
    assert cells.name_of(network.spec) == name
    size = network.spec.input_size
    logits = network(np.ones((1, 3, size, size), np.float32))
    assert logits.shape == (1, network.spec.num_classes)
    assert np.isfinite(logits).all()


class TestWrongCheckpoint:
    def test_missing_and_unknown_keys_are_listed(self, golden: Golden) -> None:
        state = state_of(golden("cifar_tiny_latest"))
        state["surplus"] = state.pop("stem.bn.weight")
        with pytest.raises(zoo.OfficialImportError, match=r"stem\.bn\.weight.*surplus") as caught:
            zoo.import_official(state, TINY["cifar_tiny_latest"])
        assert caught.value.missing == ("stem.bn.weight",)
        assert caught.value.extra == ("surplus",)

    def test_wrong_shape_is_named(self, golden: Golden) -> None:
        state = state_of(golden("cifar_tiny_latest"))
        state["stem.bn.weight"] = np.ones(4, np.float32)
        with pytest.raises(zoo.OfficialImportError, match=r"wrong shape stem\.bn\.weight \(4,\)"):
            zoo.import_official(state, TINY["cifar_tiny_latest"])

    def test_fitting_model_is_proposed(self) -> None:
        mini = Network(cells.spec("BNAS-Mini"), pruned=False)
        state = {name: value.numpy() for name, value in mini.state_dict().items()}
        with pytest.raises(zoo.OfficialImportError, match="the tensors fit BNAS-Mini"):
            zoo.import_official(official_names(state), "BNAS-A")

    @pytest.mark.parametrize("own", OFFICIAL_MODELS)
    @pytest.mark.parametrize("named", OFFICIAL_MODELS)
    def test_each_is_told_from_every_other(self, own: str, named: str) -> None:
        """At the published sizes, without their memory: a wrong name is refused by shapes alone."""
        state = empty_state(own)
        if own == named:  # one tensor less: it is the network named, and no other is proposed
            del state["cells.0.preprocess1.bn.running_mean"]
            with pytest.raises(zoo.OfficialImportError, match=f"is not {own}: missing") as caught:
                zoo.import_official(state, named)
            assert caught.value.missing == ("cells.0.preprocess1.bn.running_mean",)
            return
        with pytest.raises(zoo.OfficialImportError, match=f"not {named}; the tensors fit {own}:"):
            zoo.import_official(state, named)

    def test_the_network_of_a_damaged_checkpoint_is_proposed(self) -> None:
        state = empty_state("BNAS-D")
        state["surplus"] = state.pop("cells.2._ops.0.op.0.weight")
        with pytest.raises(zoo.OfficialImportError, match="most of the tensors fit BNAS-D"):
            zoo.import_official(state, "BNAS-E")

    def test_nothing_is_proposed_for_another_s_network(self) -> None:
        with pytest.raises(zoo.OfficialImportError, match="is not BNAS-E: missing"):
            zoo.import_official({"conv1.weight": np.zeros((64, 3, 7, 7), np.float32)}, "BNAS-E")

    @pytest.mark.parametrize("value", [5, "text", None, [1.0], np.full(3, "a")])
    def test_what_is_no_tensor(self, value: Any) -> None:
        state = {**empty_state("BNAS-Mini"), "stem.bn.weight": value}
        with pytest.raises(zoo.OfficialImportError, match=r"`stem\.bn\.weight` must be a tensor"):
            zoo.import_official(state, "BNAS-Mini")

    def test_unknown_model(self) -> None:
        with pytest.raises(cells.UnknownNameError, match="BNAS-D"):
            zoo.import_official({}, "BNAS-Dd")

    @pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04 truncated"])
    def test_file_that_is_no_checkpoint(self, content: bytes, tmp_path: Path) -> None:
        path = tmp_path / "broken.pt"
        path.write_bytes(content)
        with pytest.raises(zoo.ParametersError, match="broken.pt") as caught:
            zoo.import_official(path, "BNAS-D")
        assert "\n" not in str(caught.value)
        assert "weights_only" not in str(caught.value)  # torch's advice to run what is inside

    def test_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(zoo.WeightsFileError, match="no such file.*absent.pt"):
            zoo.import_official(tmp_path / "absent.pt", "BNAS-D")

    def test_code_in_a_pickle_is_refused(self, tmp_path: Path) -> None:
        torch.save({"state_dict": Path("x")}, tmp_path / "code.pt")
        with pytest.raises(zoo.ParametersError, match="code.pt"):
            zoo.import_official(tmp_path / "code.pt", "BNAS-D")

    def test_model_of_another_type(self) -> None:
        with pytest.raises(zoo.OfficialImportError, match="got NoneType"):
            zoo.import_official({}, None)  # type: ignore[arg-type]

    def test_nan_is_refused(self, golden: Golden) -> None:
        state = state_of(golden("cifar_tiny_latest"))
        state["cells.1._ops.3.op.0.weight"] = state["cells.1._ops.3.op.0.weight"].copy()
        state["cells.1._ops.3.op.0.weight"][0, 0, 0, 0] = np.nan
        with pytest.raises(zoo.ParametersError, match=r"cells\.1\.ops\.3\.conv\.weight"):
            zoo.import_official(state, TINY["cifar_tiny_latest"])
