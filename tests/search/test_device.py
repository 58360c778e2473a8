"""Which device is taken, and what is said of one that is not there."""

from __future__ import annotations

import pytest
import torch

from bnas import search
from bnas.search import device as device_module
from bnas.search.device import choose_device, list_devices

EAGER = search.Recipe(epochs=1)
FUSED = search.Recipe(epochs=1, engine="fused", precision="bfloat16")


def refusal(name: str) -> str:
    with pytest.raises(search.RecipeError) as caught:
        choose_device(name, EAGER)
    return str(caught.value)


@pytest.mark.parametrize("name", ["gpu", "cuda", "cuda:1", "nonsense", "cpu:x"])
def test_without_a_gpu_all_but_the_cpu_is_refused(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_module, "list_devices", lambda: ("cpu",))
    monkeypatch.setattr(torch, "empty", _failing)
    assert refusal(name) == (
        f"`device` must be one of 'cpu' on this machine (got {name!r}; "
        f"torch {torch.__version__} sees no GPU)"
    )


def test_what_is_there_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda **_: torch.device("cuda"))
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 2)
    assert refusal("gpu") == (
        "`device` must be one of 'cpu', 'cuda', 'cuda:0', 'cuda:1' on this machine (got 'gpu')"
    )
    monkeypatch.setattr(torch, "empty", _failing)
    assert refusal("cuda:1") == (
        "`device` must be one that torch can use (got 'cuda:1': CUDA error: device is busy)"
    )


def _failing(*_: object, **__: object) -> None:
    raise RuntimeError("CUDA error: device is busy\nCUDA kernel errors might be reported later")


def test_a_cpu_is_always_there() -> None:
    assert list_devices()[0] == "cpu"
    assert choose_device("cpu", EAGER) == torch.device("cpu")
    assert choose_device(None, FUSED) == torch.device("cpu")


def test_the_fused_engine_needs_a_cpu() -> None:
    with pytest.raises(search.RecipeError, match="needs the device 'cpu'"):
        choose_device("meta", FUSED)
