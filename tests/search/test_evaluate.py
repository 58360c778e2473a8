from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from bnas import search

Coloured = Callable[[int, int], search.ImageSet]
IDENTITY = search.Normalization((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


class Ranked(nn.Module):
    """Ranks 8 classes: class p first, then p + 1, …, where p is the first pixel's value."""

    def forward(self, images: Tensor) -> Tensor:
        first = (images[:, 0, 0, 0] * 255).round().long()
        return -((torch.arange(8) - first[:, None]) % 8).float()


def test_counts_first_and_among_five() -> None:
    pixels = torch.zeros(6, 3, 2, 2, dtype=torch.uint8)
    pixels[:, 0] = torch.tensor([0, 1, 2, 3, 4, 5], dtype=torch.uint8)[:, None, None]
    labels = torch.tensor([0, 1, 3, 7, 1, 4])  # ranks 0, 0, 1, 4, 5, 7
    images = search.ImageSet(pixels, labels, tuple("abcdefgh"))
    for batch_size in (1, 4, 100):
        found = search.evaluate(Ranked(), images, IDENTITY, batch_size=batch_size)
        assert found == search.Accuracy(100 * 2 / 6, 100 * 4 / 6, 6)


def test_evaluates_in_evaluation_mode_and_restores_the_mode(coloured: Coloured) -> None:
    modes = []

    class Probe(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            modes.append((self.training, torch.is_grad_enabled(), tuple(images.shape)))
            return torch.zeros(len(images), 2)

    probe = Probe()
    found = search.evaluate(probe, coloured(5, 0), IDENTITY, side=6, batch_size=3)
    assert modes == [(False, False, (3, 3, 6, 6)), (False, False, (2, 3, 6, 6))]
    assert probe.training
    assert found.top5 == 100


def test_the_network_computes_in_its_own_precision(coloured: Coloured) -> None:
    seen = []

    class Half(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            seen.append((images.dtype, torch.is_autocast_enabled("cpu")))
            return images.mean(dim=(2, 3))[:, [0, 2]].bfloat16()

    assert search.evaluate(Half(), coloured(20, 0), IDENTITY).top1 == 100
    assert seen == [(torch.float32, False)]


def test_the_mode_is_restored_after_a_failure(coloured: Coloured) -> None:
    class Failing(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            raise RuntimeError("no memory")

    network = Failing()
    with pytest.raises(RuntimeError, match="no memory"):
        search.evaluate(network, coloured(5, 0), IDENTITY)
    assert network.training


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"resize": 8}, r"`resize` needs a `side` that is not larger \(got resize=8, side=None\)"),
        ({"resize": 5, "side": 6}, r"\(got resize=5, side=6\)"),
        ({"batch_size": 0}, r"`batch_size` must be an integer >= 1 \(got 0\)"),
        ({"batch_size": -1}, r"\(got -1\)"),
    ],
)
def test_sizes_that_make_no_sense_are_refused(
    sizes: dict[str, int], message: str, coloured: Coloured
) -> None:
    with pytest.raises(search.RecipeError, match=message):
        search.evaluate(nn.Identity(), coloured(5, 0), IDENTITY, **sizes)  # type: ignore[arg-type]


def test_no_images_are_refused(coloured: Coloured) -> None:
    with pytest.raises(search.DataError, match="at least one image"):
        search.evaluate(nn.Identity(), coloured(0, 0), IDENTITY)
