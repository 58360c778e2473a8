"""A training step must not wait for the device: it would leave a GPU idle between two kernels.

The device `meta` stands in for one. It holds no numbers, so that whatever wants one on the host
(`item`, `float`, `bool`, `tolist`, a mask as an index) raises.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from bnas import cells, search
from bnas.cells.nn import Network
from bnas.search import epoch as epoch_module
from bnas.search.averaging import Average
from bnas.search.clipping import clip_gradients_
from bnas.search.parallel import Processes
from bnas.search.run import Run

META = torch.device("meta")
#: With everything that a step can do, but for drawing the images.
RECIPE = search.Recipe(
    epochs=2,
    batch_size=16,
    crop_padding=1,
    resolutions=((1.0, 12),),
    drop_path=0.2,
    average_decay=0.9,
    gradient_clip=1.0,
    label_smoothing=0.1,
    mixup_strength=0.2,
    official_gradient=True,
)


class _NoBlockingCopy(TorchDispatchMode):
    """Refuses copies from the host that the host waits for."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is torch.ops.aten._to_copy.default and args[0].device.type == "cpu":
            to_device = kwargs.get("device") not in (None, torch.device("cpu"))
            assert not to_device or kwargs.get("non_blocking"), "the host waits for a copy"
        return func(*args, **kwargs)


@pytest.fixture
def run(
    tmp_path: Path,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    """Return a run whose network, images and optimizer are on the device that stands in."""

    @contextlib.contextmanager
    def no_autocast(*_: object) -> Iterator[None]:
        yield

    monkeypatch.setattr(epoch_module, "autocast", no_autocast)  # There is none for it.
    # Labels are judged once, when they are put there.
    monkeypatch.setattr(search.ImageSet, "__attrs_post_init__", lambda _: None)
    place = Processes(device=META)
    return Run.start(tiny_spec, RECIPE, data, tmp_path, search.RunOptions(), place)


def test_a_whole_step_waits_for_nothing(run: Run) -> None:
    order = run.batches.order(0)
    run.runner.train()
    scales = []
    with _NoBlockingCopy():
        for _ in range(3):
            loss = epoch_module.train_step(run, order)
            run.step += 1
            scales.append(run.network.drop_path_scales)
    assert loss.device == META
    # In one place throughout: CUDA graphs are recorded anew for an attribute that moves.
    assert scales[0] is not None
    assert all(each is scales[0] for each in scales)


def test_what_would_wait_is_noticed(run: Run) -> None:
    norm = clip_gradients_(_backward(run.network), 1.0)
    with pytest.raises(RuntimeError, match="meta"):
        float(norm)
    with pytest.raises(AssertionError, match="waits for a copy"), _NoBlockingCopy():
        torch.ones(2).to(META)


def _backward(network: Network) -> Network:
    network.train()(torch.zeros((4, 3, 8, 8), device=META)).sum().backward()
    return network


def test_the_average_moves_as_torch_s_does(tiny_spec: cells.NetworkSpec) -> None:
    torch.manual_seed(0)
    network = Network(tiny_spec)
    ours = Average(network, 0.5)
    theirs = torch.optim.swa_utils.AveragedModel(
        network,
        multi_avg_fn=lambda averages, values, steps: _move(averages, values, int(steps)),
        use_buffers=True,
    )
    for _ in range(4):
        with torch.no_grad():
            for tensor in network.state_dict().values():
                tensor.add_(torch.randn(tensor.shape).to(tensor.dtype))
        ours.update(network)
        theirs.update_parameters(network)
    expected = theirs.state_dict()
    assert list(ours.state_dict()) == list(expected)
    for name, tensor in ours.state_dict().items():
        assert torch.equal(tensor, expected[name]), name
        assert tensor.dtype == expected[name].dtype
    resumed = Average(network, 0.5)
    resumed.load_state_dict(expected)
    resumed.update(network)
    ours.update(network)
    for name, tensor in ours.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


def _move(averages: Any, values: Any, steps: int) -> None:
    decay = min(0.5, (1 + steps) / (10 + steps))
    for average, value in zip(averages, values, strict=True):
        if average.is_floating_point():
            average.lerp_(value, 1 - decay)
        else:
            average.copy_(value)
