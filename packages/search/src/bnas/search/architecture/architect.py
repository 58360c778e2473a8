"""The gradient of the architecture parameters, to the first and to the second order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from bnas.search.optimizer import laid_like

#: Length of the step, along the weights' gradient, over which a derivative is taken.
_STEP_LENGTH = 0.01

Objective = Callable[[], Tensor]
Differentiate = Callable[[Tensor, Sequence[nn.Parameter]], list[Tensor]]


def gradients(loss: Tensor, parameters: Sequence[nn.Parameter]) -> list[Tensor]:
    """Return the gradient of each parameter; zeros where the loss does not depend on it.

    They lie in memory as the parameters do, ready for a fused step.

    Args:
        loss: A scalar.
        parameters: What to differentiate by.
    """
    found = torch.autograd.grad(loss, list(parameters), allow_unused=True)
    return [
        torch.zeros_like(parameter) if grad is None else laid_like(parameter, grad)
        for parameter, grad in zip(parameters, found, strict=True)
    ]


def look_ahead_gradients(
    arch_objective: Objective,
    weights_loss: Objective,
    arch: Sequence[nn.Parameter],
    optimizer: torch.optim.SGD,
    *,
    buffers: Iterable[Tensor] = (),
    differentiate: Differentiate = gradients,
) -> list[Tensor]:
    """Return the gradients of the architecture parameters one step of the weights ahead.

    ``grad_a L_val(w', a) - (grad_a L_train(w+, a) - grad_a L_train(w-, a)) / 2 eps`` with
    ``w' = w - xi * (momentum * v + grad_w L_train + decay * w)``,
    ``w± = w ± eps * xi * grad_w' L_val(w', a)`` and steps w± - w of length 0.01. Each group of
    weights has its xi. Weights and buffers are what they were afterwards; latent weights are not
    projected in between. It takes four forward and backward passes.

    Signs make the difference one of a function with jumps: it holds for real weights and for the
    scales of binary ones, not for what flips a sign.

    Args:
        arch_objective: Of the architecture's batch, regulariser included; called once.
        weights_loss: Of the weights' batch; called three times.
        arch: Architecture parameters.
        optimizer: SGD over all weights, as it is before its step; neither damped nor Nesterov's.
        buffers: What a pass changes: running statistics.
        differentiate: `gradients`, or these averaged over the processes that share a batch.

    References:
        Liu et al., "DARTS", ICLR 2019, Equations 7 and 8.
    """
    weights = [each for group in optimizer.param_groups for each in group["params"]]
    rates = [group["lr"] for group in optimizer.param_groups for _ in group["params"]]
    with _restored([*weights, *buffers]) as before:
        _descend(optimizer, differentiate(weights_loss(), weights))
        both = differentiate(arch_objective(), [*arch, *weights])
        ahead = both[: len(arch)]
        direction = [rate * each for rate, each in zip(rates, both[len(arch) :], strict=True)]
        norm = torch.stack([each.square().sum() for each in direction]).sum().sqrt()
        length = _STEP_LENGTH / norm.clamp_min(1e-12)
        sides = []
        for sign in (1, -1):
            with torch.no_grad():
                starts = before[: len(weights)]  # Buffers follow.
                for weight, start, way in zip(weights, starts, direction, strict=True):
                    weight.copy_(start + sign * length * way)
            sides.append(differentiate(weights_loss(), arch))
    return [
        first - (plus - minus) / (2 * length)
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


@contextmanager
def _restored(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """Put tensors back as they were; what is given are the copies of them."""
    before = [each.detach().clone() for each in tensors]
    try:
        yield before
    finally:
        with torch.no_grad():
            for each, kept in zip(tensors, before, strict=True):
                each.copy_(kept)
