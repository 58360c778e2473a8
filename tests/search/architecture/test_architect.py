"""Gradients of the architecture, against what calculus says of a bilinear game."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest
import torch
from attrs import frozen
from torch import Tensor, nn

from bnas.search.architecture.architect import gradients, look_ahead_gradients

RATES, MOMENTUM, DECAY = (0.1, 0.3), 0.9, 0.02


def vector(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


@frozen(eq=False)
class Game:
    """L_train = a * (w - x)^2 / 2 and L_val = (w - 1)^2 * a, summed, with a (2,), w (2,).

    The two weights are groups of their own; there is a velocity, and a count of the passes.
    """

    arch: nn.Parameter
    weights: tuple[nn.Parameter, ...]
    velocity: Tensor
    optimizer: torch.optim.SGD
    passes: Tensor

    @classmethod
    def new(cls) -> Game:
        weights = nn.Parameter(vector(0.7)), nn.Parameter(vector(-1.3))
        groups = [{"params": [w], "lr": lr} for w, lr in zip(weights, RATES, strict=True)]
        optimizer = torch.optim.SGD(groups, momentum=MOMENTUM, weight_decay=DECAY)
        weights[0].grad, weights[1].grad = vector(0.3), vector(-0.2)
        optimizer.step()
        velocity = torch.cat([optimizer.state[each]["momentum_buffer"] for each in weights])
        return cls(nn.Parameter(vector(0.4, 0.9)), weights, velocity, optimizer, vector(0))

    def train(self, x: Tensor) -> Tensor:
        self.passes.add_(1)
        return (self.arch * (torch.cat(self.weights) - x) ** 2 / 2).sum()

    def validation(self) -> Tensor:
        self.passes.add_(1)
        return ((torch.cat(self.weights) - 1) ** 2 * self.arch).sum()

    def through_the_step(self, x: Tensor) -> Tensor:
        """Return the gradient by autograd through a step of the weights."""
        twin, before = self.arch.detach().clone().requires_grad_(), torch.cat(self.weights).detach()
        step = MOMENTUM * self.velocity + twin * (before - x) + DECAY * before
        ahead = before - vector(*RATES) * step
        return torch.autograd.grad(((ahead - 1) ** 2 * twin).sum(), twin)[0]


def test_a_parameter_without_influence_has_gradient_0() -> None:
    game = Game.new()
    first, second = gradients((game.weights[0] ** 2).sum(), [game.weights[0], game.arch])
    assert torch.equal(first, 2 * game.weights[0].detach())
    assert torch.equal(second, torch.zeros(2, dtype=torch.float64))


def test_look_ahead_is_the_derivative_through_a_step_of_the_weights() -> None:
    game, x = Game.new(), vector(0.1, 0.2)
    before = [each.detach().clone() for each in game.weights]
    (found,) = look_ahead_gradients(
        game.validation, lambda: game.train(x), [game.arch], game.optimizer, buffers=[game.passes]
    )
    expected = game.through_the_step(x)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-9)
    first_order = (torch.cat(before) - 1) ** 2
    assert not torch.allclose(expected, first_order, rtol=1e-2)
    assert all(map(torch.equal, before, (each.detach() for each in game.weights)))
    velocity = [game.optimizer.state[each]["momentum_buffer"] for each in game.weights]
    assert torch.equal(torch.cat(velocity), game.velocity)
    assert game.passes == 0


def test_processes_look_ahead_of_the_batch_that_they_share() -> None:
    barrier = threading.Barrier(2)
    messages: list[list[Tensor]] = [[], []]
    found: list[Tensor] = [vector(), vector()]

    def averaging(rank: int) -> Callable[[Tensor, Sequence[nn.Parameter]], list[Tensor]]:
        def differentiate(loss: Tensor, parameters: Sequence[nn.Parameter]) -> list[Tensor]:
            messages[rank] = gradients(loss, parameters)
            barrier.wait(timeout=60)
            mean = [(one + two) / 2 for one, two in zip(*messages, strict=True)]
            barrier.wait(timeout=60)
            return mean

        return differentiate

    def work(rank: int) -> None:
        game, x = Game.new(), vector(0.1 + rank, 0.2 - rank)
        (found[rank],) = look_ahead_gradients(
            game.validation,
            lambda: game.train(x),
            [game.arch],
            game.optimizer,
            differentiate=averaging(rank),
        )

    workers = [threading.Thread(target=work, args=(rank,)) for rank in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    # The mean of two parabolas is one around the mean of their centres, and a constant.
    game, x = Game.new(), vector(0.6, -0.3)
    torch.testing.assert_close(found[0], game.through_the_step(x), rtol=1e-6, atol=1e-9)
    assert torch.equal(found[0], found[1])


def test_weights_are_put_back_even_if_the_objective_fails() -> None:
    game = Game.new()
    before = [each.detach().clone() for each in game.weights]

    def fail() -> Tensor:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        look_ahead_gradients(fail, lambda: game.train(vector(0, 0)), [game.arch], game.optimizer)
    assert all(map(torch.equal, before, (each.detach() for each in game.weights)))
