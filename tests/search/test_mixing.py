from __future__ import annotations

import pytest
import torch

from bnas.search.mixing import mix
from bnas.search.randomness import generator


def batch(count: int = 12) -> tuple[torch.Tensor, torch.Tensor]:
    """Images whose pixels all hold their label."""
    labels = torch.arange(count) % 4
    return labels.float()[:, None, None, None].expand(-1, 3, 8, 8).clone(), labels


@pytest.mark.parametrize(("mixup", "cutmix"), [(0.4, 0.0), (0.0, 1.0), (0.2, 1.0), (0.0, 0.0)])
@pytest.mark.parametrize("seed", range(6))
def test_targets_are_the_shares_of_the_pixels(mixup: float, cutmix: float, seed: int) -> None:
    images, labels = batch()
    found, targets = mix(
        images, labels, 4, generator(seed, "mix"), mixup_strength=mixup, cutmix_strength=cutmix
    )
    torch.testing.assert_close(targets.sum(dim=1), torch.ones(12))
    # The mean of an image is the mean label by its target: both blend by the same share.
    means = found.mean(dim=(1, 2, 3))
    torch.testing.assert_close(means, targets @ torch.arange(4.0), rtol=1e-5, atol=1e-5)
    again, _ = mix(
        images, labels, 4, generator(seed, "mix"), mixup_strength=mixup, cutmix_strength=cutmix
    )
    assert torch.equal(found, again)
    if not (mixup or cutmix):
        assert torch.equal(found, images)


def test_mixup_blends_and_cutmix_pastes() -> None:
    images, labels = batch()
    blended, _ = mix(
        images, labels, 4, generator(1, "mix"), mixup_strength=8.0, cutmix_strength=0.0
    )
    assert all(len(image.unique()) == 1 for image in blended)
    assert not torch.equal(blended, blended.round())
    pasted, _ = mix(images, labels, 4, generator(1, "mix"), mixup_strength=0.0, cutmix_strength=8.0)
    assert torch.equal(pasted, pasted.round())
    assert any(len(image.unique()) == 2 for image in pasted)


@pytest.mark.parametrize("strength", [0.2, 1.0, 6.0])
def test_shares_of_mixup_follow_the_beta_distribution(strength: float) -> None:
    images, labels = torch.zeros(2, 3, 1, 1), torch.tensor([0, 1])
    shares = []
    for seed in range(3000):
        _, targets = mix(
            images, labels, 2, generator(seed, "mix"), mixup_strength=strength, cutmix_strength=0.0
        )
        if float(targets[0, 1]) > 0:  # the partner is the other image
            shares.append(targets[0, 0])
    found = torch.stack(shares)
    assert float(found.mean()) == pytest.approx(0.5, abs=0.04)
    assert float(found.var()) == pytest.approx(1 / (4 * (2 * strength + 1)), rel=0.1)


def test_a_rectangle_covers_the_share_that_was_drawn() -> None:
    """So large a strength draws a half: sides are sqrt(1/2) * 64 = 45.3 pixels, in halves of 22."""
    images, labels = torch.zeros(2, 3, 64, 64), torch.tensor([0, 1])
    images[1] = 1
    heights, widths, reached = set(), set(), torch.zeros(64, 64, dtype=torch.bool)
    for seed in range(60):
        found, _ = mix(
            images, labels, 2, generator(seed, "mix"), mixup_strength=0.0, cutmix_strength=1e6
        )
        pasted = found[0, 0] != 0
        reached |= pasted
        heights.add(int(pasted.any(dim=1).sum()))
        widths.add(int(pasted.any(dim=0).sum()))
    for sizes in (heights - {0}, widths - {0}):
        assert max(sizes) == 44
        assert min(sizes) >= 22  # its centre lies in the image
    assert reached.all()


def test_a_coin_decides_between_them() -> None:
    images, labels = batch()
    kinds = set()
    for seed in range(12):
        found, _ = mix(
            images, labels, 4, generator(seed, "mix"), mixup_strength=8.0, cutmix_strength=8.0
        )
        kinds.add(torch.equal(found, found.round()))
    assert kinds == {True, False}
