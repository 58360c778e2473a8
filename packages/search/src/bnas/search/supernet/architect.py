"""Gradients of the architecture parameters: first order, and second order by one unrolled step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor, nn

from bnas.search.errors import ArchParamsError

#: Length of a step of the finite difference, as in DARTS.
_DIFFERENCE = 0.01

Loss = Callable[[], Tensor]


class Searched(Protocol):
    """What is searched: a `Supernet`, or a module with these members."""

    @property
    def arch_parameters(self) -> Mapping[str, Tensor]:
        """Architecture parameters by name."""

    def weights(self) -> Iterable[nn.Parameter]:
        """Yield all other parameters."""

    def buffers(self) -> Iterator[Tensor]:
        """Yield what a forward pass may change: running statistics."""


def first_order(supernet: Searched, objective: Tensor) -> dict[str, Tensor]:
    """Return the gradient of the architecture parameters at the weights as they are.

    No gradient of a weight is computed.

    Args:
        supernet: Of E edges and P primitives.
        objective: What is minimised, a scalar (`search_objective`); its graph is freed.

    Returns:
        By name, (E, P) of the parameters' dtype.

    References:
        Liu et al., "DARTS", ICLR 2019, Section 2.3, with xi = 0: what BNAS uses.
    """
    arch = dict(supernet.arch_parameters)
    return dict(zip(arch, _gradients(objective, list(arch.values())), strict=True))


def second_order(
    supernet: Searched, train_loss: Loss, objective: Loss, optimizer: torch.optim.SGD
) -> dict[str, Tensor]:
    """Return the gradient of the architecture parameters at the weights after one step of SGD.

    With w' = w - xi * (dL_train/dw + ...), the gradient is that of the objective at w', minus
    the mixed second derivative d2L_train/(da dw) times xi * dL_val/dw', which is taken as a central
    difference whose steps have length 0.01. It costs four forward and backward passes. Weights and
    buffers are left as they were; latent weights are not projected in between.

    Deviates: none from DARTS; but signs make the difference one of a function with jumps, so that
    it holds for real weights and for the scales of binary ones, not for what flips a sign.

    Args:
        supernet: Of E edges and P primitives.
        train_loss: Evaluates the loss on a training batch at the present weights.
        objective: Evaluates what is minimised, on a validation batch.
        optimizer: Of the weights: gives learning rate, momentum, weight decay and velocity of the
            unrolled step. Neither damped nor Nesterov's.

    Returns:
        By name, (E, P) of the parameters' dtype.

    Raises:
        ArchParamsError: The optimizer is another one, or misses a weight.

    References:
        Liu et al., "DARTS", ICLR 2019, Equations 7 and 8.
    """
    arch, weights = dict(supernet.arch_parameters), list(supernet.weights())
    rates = _rates(optimizer, weights)
    parameters = list(arch.values())
    with _restored([*weights, *supernet.buffers()]):
        before = [weight.detach().clone() for weight in weights]
        _unroll(optimizer, weights, _gradients(train_loss(), weights))
        found = _gradients(objective(), [*parameters, *weights])
        of_arch = found[: len(arch)]
        # The rate of a group scales its part of the vector.
        direction = [rate * part for rate, part in zip(rates, found[len(arch) :], strict=True)]
        norm = float(torch.stack([part.norm() for part in direction]).norm())
        if not norm:
            return dict(zip(arch, of_arch, strict=True))
        length = _DIFFERENCE / norm
        sides = []
        for sign in (1, -1):
            with torch.no_grad():
                for weight, start, part in zip(weights, before, direction, strict=True):
                    weight.copy_(start + sign * length * part)
            sides.append(_gradients(train_loss(), parameters))
    return {
        name: own - (plus - minus) / (2 * length)
        for name, own, plus, minus in zip(arch, of_arch, *sides, strict=True)
    }


def _gradients(loss: Tensor, of: list[Tensor]) -> list[Tensor]:
    """Return gradients, zeros for what the loss does not depend on."""
    found = torch.autograd.grad(loss, of, allow_unused=True)
    return [
        torch.zeros_like(each) if grad is None else grad
        for each, grad in zip(of, found, strict=True)
    ]


def _rates(optimizer: torch.optim.SGD, weights: list[nn.Parameter]) -> list[float]:
    """Return the learning rate of every weight.

    Raises:
        ArchParamsError: `second_order` cannot unroll a step of this optimizer.
    """
    if not isinstance(optimizer, torch.optim.SGD):
        kind = type(optimizer).__name__
        raise ArchParamsError(f"`optimizer` must be torch.optim.SGD (got {kind})")
    groups = optimizer.param_groups
    if any(group["nesterov"] or group["dampening"] or group["maximize"] for group in groups):
        raise ArchParamsError(
            "`optimizer` must have neither `nesterov`, `dampening` nor `maximize` for a second-"
            "order step; leave them out, or take the first order"
        )
    rates = {id(each): group["lr"] for group in groups for each in group["params"]}
    missing = sum(id(weight) not in rates for weight in weights)
    if missing:
        raise ArchParamsError(
            f"`optimizer` must hold all weights (got none of {missing} of {len(weights)})"
        )
    return [float(rates[id(weight)]) for weight in weights]


@torch.no_grad()
def _unroll(
    optimizer: torch.optim.SGD, weights: list[nn.Parameter], gradients: list[Tensor]
) -> None:
    """Take the step that the optimizer would take, without changing its state."""
    groups = {id(each): group for group in optimizer.param_groups for each in group["params"]}
    for weight, gradient in zip(weights, gradients, strict=True):
        group = groups[id(weight)]
        change = gradient + group["weight_decay"] * weight
        velocity = optimizer.state.get(weight, {}).get("momentum_buffer")
        if velocity is not None:
            change = change + group["momentum"] * velocity
        weight.sub_(group["lr"] * change)


@contextmanager
def _restored(tensors: list[Tensor]) -> Iterator[None]:
    """Put tensors back as they were."""
    kept = [tensor.detach().clone() for tensor in tensors]
    try:
        yield
    finally:
        with torch.no_grad():
            for tensor, before in zip(tensors, kept, strict=True):
                tensor.copy_(before)
