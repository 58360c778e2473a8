"""`pack`: modules and checkpoints in, packed networks out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bnas import cells, zoo
from bnas.cells.nn import Network


def test_training_module_is_packed_as_it_would_evaluate(
    small_spec: cells.NetworkSpec, images: np.ndarray
) -> None:
    torch.manual_seed(1)
    module = Network(small_spec)
    module(torch.from_numpy(images))  # moves the running statistics
    packed = zoo.pack(module)
    assert module.training
    with torch.no_grad():
        reference = module.eval()(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(packed(images), reference, atol=1e-5)


def test_unpruned_module_gives_the_same_network(
    small_module: Network, small_network: zoo.PackedNetwork, images: np.ndarray
) -> None:
    whole = Network(small_module.spec, pruned=False).eval()
    whole.load_state_dict({**whole.state_dict(), **small_module.state_dict()})
    packed = zoo.pack(whole)
    assert set(packed.parameters.tensors) == set(small_network.parameters.tensors)
    np.testing.assert_array_equal(packed(images), small_network(images))


def test_half_precision_is_what_is_stored(
    small_module: Network, images: np.ndarray, tmp_path: Path
) -> None:
    packed = zoo.pack(small_module, real_dtype="float16")
    packed.save(tmp_path / "half.safetensors")
    loaded = zoo.load_file(tmp_path / "half.safetensors")
    np.testing.assert_array_equal(loaded(images), packed(images))
    dtypes = {tensor.dtype for tensor in loaded.parameters.tensors.values()}
    assert dtypes == {np.dtype(np.uint8), np.dtype(np.float16)}
    whole = zoo.pack(small_module)
    assert packed.real_parameter_bytes * 2 == whole.real_parameter_bytes
    assert packed.binary_weight_bytes == whole.binary_weight_bytes


def test_value_beyond_half_precision_keeps_its_tensor_whole(
    small_module: Network, small_spec: cells.NetworkSpec
) -> None:
    module = Network(small_spec).eval()
    module.load_state_dict(small_module.state_dict())
    with torch.no_grad():
        module.get_submodule("stem.bn").running_var[0] = 1e6
    packed = zoo.pack(module, real_dtype="float16")
    assert packed.parameters.tensors["stem.bn.running_var"].dtype == np.float32
    assert packed.parameters.tensors["stem.bn.running_var"][0] == 1e6


def test_binary_weights_take_one_bit_on_disk(tmp_path: Path) -> None:
    packed = zoo.pack(Network(cells.spec("BNAS-Mini")), real_dtype="float16")
    packed.save(tmp_path / "mini.safetensors")
    pruned_weights = sum(
        node.weight_count
        for node in packed.parameters.graph
        if isinstance(node, cells.nodes.BinaryConv)
    )
    assert packed.binary_weight_bytes * 8 == pruned_weights  # Mini's channels fill every byte
    size = (tmp_path / "mini.safetensors").stat().st_size
    header = size - packed.binary_weight_bytes - packed.real_parameter_bytes
    assert 0 < header < 60_000


def test_saving_and_loading_loses_nothing(
    small_network: zoo.PackedNetwork, images: np.ndarray, tmp_path: Path
) -> None:
    small_network.save(tmp_path / "small.safetensors")
    loaded = zoo.load_file(tmp_path / "small.safetensors")
    assert loaded.spec == small_network.spec
    np.testing.assert_array_equal(loaded(images), small_network(images))


class TestCheckpoint:
    def test_path_and_mapping(
        self, small_module: Network, images: np.ndarray, tmp_path: Path
    ) -> None:
        checkpoint = {"spec": small_module.spec.to_json(), "model": small_module.state_dict()}
        torch.save(checkpoint, tmp_path / "final.pt")
        expected = zoo.pack(small_module)(images)
        np.testing.assert_array_equal(zoo.pack(checkpoint)(images), expected)
        np.testing.assert_array_equal(zoo.pack(tmp_path / "final.pt")(images), expected)

    def test_without_spec(self, small_module: Network) -> None:
        with pytest.raises(zoo.ParametersError, match=r"missing \['spec', 'model'\].*official"):
            zoo.pack(small_module.state_dict())

    def test_labels_and_colours_of_the_training_come_along(self, small_module: Network) -> None:
        names = [f"thing {index}" for index in range(10)]
        packed = zoo.pack(
            {
                "spec": small_module.spec.to_json(),
                "model": small_module.state_dict(),
                "classes": names,
                "normalization": {"mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6]},
            }
        )
        assert packed.preprocessing.mean == (0.1, 0.2, 0.3)
        assert packed.preprocessing.std == (0.4, 0.5, 0.6)
        assert packed.predict(np.zeros((32, 32, 3), np.uint8))[0].label in names

    def test_unfinished_training_is_called_so(self) -> None:
        with pytest.raises(zoo.ParametersError, match="not finished"):
            zoo.pack({"identity": {}, "model": {}})

    def test_tensor_missing(self, small_module: Network) -> None:
        state = dict(small_module.state_dict())
        del state["cells.0.preprocess0.conv.weight"]
        with pytest.raises(zoo.ParametersError, match=r"missing cells\.0\.preprocess0\.conv"):
            zoo.pack({"spec": small_module.spec.to_json(), "model": state})

    def test_missing_file_and_directory(self, tmp_path: Path) -> None:
        with pytest.raises(zoo.WeightsFileError, match="no such file.*absent.pt"):
            zoo.pack(tmp_path / "absent.pt")
        with pytest.raises(zoo.WeightsFileError, match="directory"):
            zoo.pack(tmp_path)


class TestRefused:
    def test_another_module(self) -> None:
        with pytest.raises(zoo.ParametersError, match=r"must be a bnas\.cells\.nn\.Network"):
            zoo.pack(torch.nn.Linear(2, 2))

    def test_network_that_takes_sign_of_zero_as_zero(self, small_spec: cells.NetworkSpec) -> None:
        with pytest.raises(zoo.ParametersError, match="official_sign"):
            zoo.pack(Network(small_spec, official_sign=True))

    def test_unknown_dtype(self, small_module: Network) -> None:
        with pytest.raises(zoo.ParametersError, match="real_dtype"):
            zoo.pack(small_module, real_dtype="int8")  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("stem.bn.running_mean", float("nan"), "finite"),
            ("stem.bn.running_var", -1.0, ">= 0"),
            ("cells.1.ops.1.conv.weight_scale", float("inf"), "finite"),
            ("cells.1.ops.1.conv.weight_scale", -0.5, ">= 0"),
            ("cells.1.ops.1.conv.weight", float("nan"), "finite"),
        ],
    )
    def test_impossible_values(
        self, small_module: Network, name: str, value: float, message: str
    ) -> None:
        state = {key: tensor.clone() for key, tensor in small_module.state_dict().items()}
        state[name].view(-1)[0] = value
        with pytest.raises(zoo.ParametersError, match=message) as caught:
            zoo.pack({"spec": small_module.spec.to_json(), "model": state})
        assert name in str(caught.value)
