from __future__ import annotations

import math

import pytest
import torch

from bnas import search
from bnas.search.supernet import arch_entropy


def logits(seed: int) -> torch.Tensor:
    source = torch.Generator().manual_seed(seed)
    return torch.randn(14, 7, generator=source, dtype=torch.float64)


@pytest.mark.parametrize("official_quirks", [False, True])
def test_entropy_is_that_of_mean_entropy(official_quirks):
    normal, reduce = logits(0), logits(1)
    wanted = search.mean_entropy(normal, reduce, official_quirks)
    found = float(arch_entropy(normal, reduce, official_quirks=official_quirks))
    assert found == pytest.approx(wanted, rel=1e-12)


def test_golden_entropies(golden_json):
    for case in golden_json("discretize_entropy")["cases"]:
        normal = torch.tensor(case["alphas_normal"], dtype=torch.float64)
        reduce = torch.tensor(case["alphas_reduce"], dtype=torch.float64)
        wanted = search.mean_entropy(normal, reduce)
        assert float(arch_entropy(normal, reduce)) == pytest.approx(wanted, rel=1e-6)


def test_objective_and_its_gradient():
    normal, reduce = logits(0).requires_grad_(), logits(1).requires_grad_()
    loss = torch.tensor(2.5, dtype=torch.float64)
    found = search.search_objective(loss, normal, reduce, 3.0, weight=0.5, decay_epochs=2.0)
    entropy = search.mean_entropy(normal.detach(), reduce.detach())
    assert found.item() == pytest.approx(2.5 - 0.5 * entropy * math.exp(-1.5), rel=1e-12)
    assert torch.autograd.gradcheck(
        lambda a, b: search.search_objective(loss, a, b, 3.0), (normal, reduce)
    )


def test_official_gradient_moves_one_row_of_reductions():
    normal, reduce = logits(0).requires_grad_(), logits(1).requires_grad_()
    loss = torch.zeros((), dtype=torch.float64)
    search.search_objective(loss, normal, reduce, 0, official_quirks=True).backward()
    assert not reduce.grad[:-1].any()
    assert reduce.grad[-1].any()
    assert normal.grad.any(dim=1).all()


def test_probabilities_near_zero_are_finite():
    normal = torch.tensor([[1e4, 0.0]], requires_grad=True)
    arch_entropy(normal, normal).backward()
    assert torch.isfinite(normal.grad).all()


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"epoch": -1}, "epoch"),
        ({"epoch": math.nan}, "epoch"),
        ({"weight": math.inf}, "weight"),
        ({"decay_epochs": 0}, "decay_epochs"),
        ({"reduce": torch.zeros(2, 3)}, "normal"),
        ({"normal": torch.zeros(7), "reduce": torch.zeros(7)}, "normal"),
    ],
)
def test_bad_arguments(change, name):
    arguments = {"loss_val": torch.zeros(()), "normal": logits(0), "reduce": logits(1), "epoch": 0}
    with pytest.raises(search.ArchParamsError, match=f"`{name}`"):
        search.search_objective(**{**arguments, **change})
