"""Gradients of the architecture, against what calculus says of a bilinear game."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from bnas.search.architecture.architect import gradients, look_ahead_gradients

RATE, MOMENTUM, DECAY = 0.1, 0.9, 0.02


def game() -> tuple[nn.Parameter, nn.Parameter, torch.optim.SGD]:
    """Return weights w (2,), architecture a (2,) and their optimizer.

    The losses are L_train = a * w * w / 2, summed, and L_val = (w - 1)^2 * a, summed.
    """
    weights = nn.Parameter(torch.tensor([0.7, -1.3], dtype=torch.float64))
    arch = nn.Parameter(torch.tensor([0.4, 0.9], dtype=torch.float64))
    optimizer = torch.optim.SGD([weights], lr=RATE, momentum=MOMENTUM, weight_decay=DECAY)
    return weights, arch, optimizer


def test_a_parameter_without_influence_has_gradient_0() -> None:
    weights, arch, _ = game()
    first, second = gradients((weights**2).sum(), [weights, arch])
    assert torch.equal(first, 2 * weights.detach())
    assert torch.equal(second, torch.zeros(2, dtype=torch.float64))


def test_look_ahead_is_the_derivative_through_a_step_of_the_weights() -> None:
    weights, arch, optimizer = game()
    weights.grad = torch.tensor([0.3, -0.2], dtype=torch.float64)
    optimizer.step()  # so that there is a velocity
    before = weights.detach().clone()
    velocity = optimizer.state[weights]["momentum_buffer"].clone()
    found = look_ahead_gradients(
        lambda: ((weights - 1) ** 2 * arch).sum(),
        lambda: (arch * weights**2 / 2).sum(),
        [arch],
        optimizer,
    )
    # The same, by autograd through the step itself.
    twin = arch.detach().clone().requires_grad_()
    ahead = before - RATE * (MOMENTUM * velocity + twin * before + DECAY * before)
    expected = torch.autograd.grad(((ahead - 1) ** 2 * twin).sum(), twin)[0]
    torch.testing.assert_close(found[0], expected, rtol=1e-6, atol=1e-9)
    first_order = ((before - 1) ** 2).detach()
    assert not torch.allclose(expected, first_order, rtol=1e-2)
    assert torch.equal(weights.detach(), before)
    assert torch.equal(optimizer.state[weights]["momentum_buffer"], velocity)


def test_weights_are_put_back_even_if_the_objective_fails() -> None:
    weights, arch, optimizer = game()
    before = weights.detach().clone()

    def fail() -> torch.Tensor:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        look_ahead_gradients(fail, lambda: (arch * weights**2).sum(), [arch], optimizer)
    assert torch.equal(weights.detach(), before)
