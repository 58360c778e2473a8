"""The gradient of the architecture parameters, to the first and to the second order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

#: Length of the step, along the weights' gradient, over which a derivative is taken.
_STEP_LENGTH = 0.01

Objective = Callable[[], Tensor]


def gradients(loss: Tensor, parameters: Sequence[nn.Parameter]) -> list[Tensor]:
    """Return the gradient of each parameter; zeros where the loss does not depend on it.

    Args:
        loss: A scalar.
        parameters: What to differentiate by.
    """
    found = torch.autograd.grad(loss, list(parameters), allow_unused=True)
    return [
        torch.zeros_like(parameter) if grad is None else grad
        for parameter, grad in zip(parameters, found, strict=True)
    ]


def look_ahead_gradients(
    arch_objective: Objective,
    weights_loss: Objective,
    arch: Sequence[nn.Parameter],
    optimizer: torch.optim.SGD,
) -> list[Tensor]:
    """Return the gradients of the architecture parameters one step of the weights ahead.

    ``grad_a L_val(w', a) - xi * (grad_a L_train(w+, a) - grad_a L_train(w-, a)) / 2 eps`` with
    ``w' = w - xi * (momentum * v + grad_w L_train + decay * w)``,
    ``w± = w ± eps * grad_w' L_val(w', a)`` and ``eps = 0.01 / |grad_w' L_val|``. The weights are
    what they were afterwards; batch statistics have seen four more batches.

    Args:
        arch_objective: Of the architecture's batch, regulariser included; called once.
        weights_loss: Of the weights' batch; called three times.
        arch: Architecture parameters.
        optimizer: SGD over the weights, as it is before its step.

    References:
        Liu et al., "DARTS", ICLR 2019, Equations 7 and 8.
    """
    weights = [each for group in optimizer.param_groups for each in group["params"]]
    before = [each.detach().clone() for each in weights]
    rate = optimizer.param_groups[0]["lr"]
    try:
        _descend(optimizer, gradients(weights_loss(), weights))
        both = gradients(arch_objective(), [*arch, *weights])
        ahead, direction = both[: len(arch)], both[len(arch) :]
        norm = torch.stack([each.square().sum() for each in direction]).sum().sqrt()
        length = _STEP_LENGTH / norm.clamp_min(1e-12)
        sides = []
        for sign in (1, -1):
            _assign(weights, before)
            with torch.no_grad():
                for weight, way in zip(weights, direction, strict=True):
                    weight.add_(sign * length * way)
            sides.append(gradients(weights_loss(), arch))
    finally:
        _assign(weights, before)
    return [
        first - rate * (plus - minus) / (2 * length)
        for first, plus, minus in zip(ahead, *sides, strict=True)
    ]


@torch.no_grad()
def _descend(optimizer: torch.optim.SGD, grads: Sequence[Tensor]) -> None:
    """Take the step that the optimizer would take, and leave its state as it is."""
    at = iter(grads)
    for group in optimizer.param_groups:
        for weight in group["params"]:
            step = next(at) + group["weight_decay"] * weight
            velocity = optimizer.state.get(weight, {}).get("momentum_buffer")
            if velocity is not None:
                step = step + group["momentum"] * velocity
            weight.sub_(group["lr"] * step)


@torch.no_grad()
def _assign(weights: Sequence[nn.Parameter], values: Sequence[Tensor]) -> None:
    for weight, value in zip(weights, values, strict=True):
        weight.copy_(value)
