"""`PackedNetwork.to`: what a network on a GPU takes, returns and refuses."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from numba import cuda
from PIL import Image

from bnas import binops, cells, zoo
from bnas.binops.dispatch import Availability
from bnas.binops.errors import BackendUnavailableError
from bnas.cells.nn import Network
from bnas.zoo import devices
from bnas.zoo.cuda import device_program
from bnas.zoo.cuda.device_network import DeviceNetwork
from bnas.zoo.errors import DeviceError


@pytest.fixture(scope="module")
def network(enliven_network: Any) -> zoo.PackedNetwork:
    """One cell of two channels, on the CPU."""
    torch.manual_seed(0)
    spec = cells.NetworkSpec(genotype=cells.genotypes["bnas-cifar10"], num_cells=1, channels=2)
    return zoo.pack(enliven_network(Network(spec), 0))


@pytest.fixture(scope="module")
def on_gpu(network: zoo.PackedNetwork) -> DeviceNetwork:
    """The same on a GPU."""
    moved = network.to("cuda")
    assert isinstance(moved, DeviceNetwork)
    return moved


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """Three images of 4x4 pixels."""
    return np.random.default_rng(1).standard_normal((3, 3, 4, 4)).astype(np.float32)


def same(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_arrays_of_the_host(
    network: zoo.PackedNetwork, on_gpu: DeviceNetwork, images: np.ndarray
) -> None:
    same(on_gpu(images), network(images))
    same(on_gpu(torch.from_numpy(images)), network(images))


def test_a_second_run_in_the_same_memory(
    network: zoo.PackedNetwork, on_gpu: DeviceNetwork, images: np.ndarray
) -> None:
    on_gpu(-images)
    same(on_gpu(images), network(images))


def test_arrays_of_the_gpu(
    network: zoo.PackedNetwork, on_gpu: DeviceNetwork, images: np.ndarray
) -> None:
    logits = on_gpu(cuda.to_device(images))
    assert hasattr(logits, "copy_to_host")
    same(logits.copy_to_host(), network(images))
    assert on_gpu(cuda.to_device(images[:0])).shape == (0, 10)


def test_parts_that_fit_the_memory(
    network: zoo.PackedNetwork, images: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_gpu = network.to("cuda")
    program: Any = on_gpu.program(4, 4)
    monkeypatch.setattr(device_program, "MOST_ELEMENTS", 2 * program.bytes_per_image // 4)
    expected = network.trace(images)
    for name, value in on_gpu.trace(images).items():
        same(value, expected[name])
    plans = dict(program._batches)
    same(on_gpu(cuda.to_device(images)).copy_to_host(), expected["logits"])
    # Parts are of one size, the last repeats images: so a later call makes no plan anew.
    assert list(program._batches) == list(plans) == [2]
    assert program._batches[2] is plans[2]


def test_an_empty_batch(on_gpu: DeviceNetwork, images: np.ndarray) -> None:
    assert on_gpu(images[:0]).shape == (0, 10)
    assert on_gpu.trace(images[:0])["stem"].shape == (0, 6, 4, 4)


def test_several_sizes(network: zoo.PackedNetwork, on_gpu: DeviceNetwork) -> None:
    for height, width in ((4, 2), (2, 4)):
        images = np.random.default_rng(2).standard_normal((1, 3, height, width))
        same(on_gpu(images.astype(np.float32)), network(images.astype(np.float32)))


def test_calls_from_several_threads(
    network: zoo.PackedNetwork, on_gpu: DeviceNetwork, images: np.ndarray
) -> None:
    expected = network(images[:1])
    with ThreadPoolExecutor(2) as pool:
        for logits in pool.map(lambda _: on_gpu(images[:1]), range(2)):
            same(logits, expected)


def test_photos(on_gpu: DeviceNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[np.ndarray] = []

    def logits(program: Any, images: np.ndarray, threads: int | None = None) -> np.ndarray:
        asked.append(images)
        return np.arange(10, dtype=np.float32)[None]

    monkeypatch.setattr(device_program.DeviceProgram, "run", logits)
    answers = on_gpu.predict(Image.new("RGB", (40, 40)), top=2)
    assert [answer.index for answer in answers] == [9, 8]
    assert asked[0].shape == (1, 3, 32, 32)


def test_to_and_back(network: zoo.PackedNetwork, on_gpu: DeviceNetwork) -> None:
    assert network.to("cpu") is network
    assert on_gpu.to("cuda:0") is on_gpu
    back = on_gpu.to("cpu")
    assert type(back) is zoo.PackedNetwork
    assert back.parameters is on_gpu.parameters
    assert repr(on_gpu).endswith("on cuda:0)")


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:x", "CUDA", 0, None])
def test_unknown_devices(network: zoo.PackedNetwork, device: Any) -> None:
    with pytest.raises(DeviceError, match="must be 'cpu', 'cuda' or 'cuda:N'"):
        network.to(device)


def test_a_gpu_that_is_not_there(network: zoo.PackedNetwork) -> None:
    with pytest.raises(DeviceError, match="got cuda:99"):
        network.to("cuda:99")


def test_no_gpu_at_all(network: zoo.PackedNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    state = {"cuda": Availability("no driver was found", "an NVIDIA driver")}
    monkeypatch.setattr(binops, "backends", lambda: state)
    monkeypatch.setattr(devices, "is_simulated", lambda: False)
    with pytest.raises(BackendUnavailableError, match="no driver was found"):
        network.to("cuda")
    assert network.to("cpu") is network


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((3, 4, 4), np.float32), r"\(N, 3, H, W\) \(got \(3, 4, 4\)\)"),
        (np.zeros((1, 4, 4, 4), np.float32), r"got \(1, 4, 4, 4\)"),
        (np.zeros((1, 3, 4, 4), np.float64), "float32 in C order.*float64"),
        (np.zeros((1, 3, 0, 0), np.float32), "0x0 pixels do not fit"),
    ],
)
def test_images_on_the_gpu_that_are_refused(
    on_gpu: DeviceNetwork, images: np.ndarray, message: str
) -> None:
    with pytest.raises(zoo.ImagesError, match=message):
        on_gpu(cuda.to_device(images))


def test_images_in_another_order(on_gpu: DeviceNetwork) -> None:
    images = cuda.to_device(np.zeros((1, 3, 4, 8), np.float32))[..., ::2]
    with pytest.raises(zoo.ImagesError, match="another order than C's"):
        on_gpu(images)


def test_images_of_the_host_are_checked_as_ever(on_gpu: DeviceNetwork) -> None:
    with pytest.raises(zoo.ImagesError, match="NaN"):
        on_gpu(np.full((1, 3, 4, 4), np.nan, np.float32))
