"""The optimizer of a recipe, with its learning rate and momentum set step by step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from bnas.cells.nn import BinaryConv2d
from bnas.search.recipe import Recipe
from bnas.search.schedule import learning_rate_at, momentum_at

#: Kinds of device on which torch updates all parameters in one pass.
FUSED_DEVICES = frozenset({"cpu", "cuda", "mps", "xpu"})


def make_optimizer(
    network: nn.Module, recipe: Recipe, *, without: Iterable[nn.Parameter] = ()
) -> torch.optim.Optimizer:
    """Return Adam, AdamW or SGD over two groups: real parameters, then latent weights.

    Args:
        network: Whose parameters are to be trained.
        recipe: Names the optimizer and its decay.
        without: Parameters that another optimizer has, such as those of an architecture.
    """
    binary = [m for m in network.modules() if isinstance(m, BinaryConv2d)]
    latent = [m.weight for m in binary if not m.real_weights]
    known = {id(parameter) for parameter in (*latent, *without)}
    real = [parameter for parameter in network.parameters() if id(parameter) not in known]
    groups = [
        {"params": real, "weight_decay": recipe.weight_decay},
        {"params": latent, "weight_decay": recipe.latent_weight_decay},
    ]
    rate = recipe.learning_rate
    fused = all(parameter.device.type in FUSED_DEVICES for parameter in network.parameters())
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=recipe.momentum, fused=fused)
    kind = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.Adam
    return kind(groups, lr=rate, fused=fused)


@torch.no_grad()
def laid_like(parameter: Tensor, value: Tensor) -> Tensor:
    """Return `value` in the order in memory in which `parameter` lies, copied only if need be.

    A fused step goes through parameters, gradients and moments as they lie: where orders differ,
    torch's on a CPU moves weights by the numbers of others, without a word. `Tensor.backward` sees
    to it, `torch.autograd.grad` does not: a convolution's gradient may come channels last.

    Args:
        parameter: Dense.
        value: Of the same shape: a gradient, or a moment.
    """
    if value.stride() == parameter.stride():
        return value
    return torch.empty_like(parameter, requires_grad=False).copy_(value)


def load_moments(optimizer: torch.optim.Optimizer, moments: dict[str, Any]) -> None:
    """Load moments, and lay them like their parameters.

    Those that come from another kind of device lie otherwise (`laid_like`).

    Args:
        optimizer: From `make_optimizer`.
        moments: From `bnas.search.saved_state.read_moments`.
    """
    optimizer.load_state_dict(moments)
    for parameter, slots in optimizer.state.items():
        for name, value in slots.items():
            if not isinstance(value, Tensor) or value.shape != parameter.shape:
                continue  # A count of steps, or SGD before its first one.
            slots[name] = laid_like(parameter, value)


def set_schedule(
    optimizer: torch.optim.Optimizer, recipe: Recipe, step: int, total_steps: int
) -> None:
    """Set the learning rate, and the momentum of SGD, with which step `step` is taken.

    Args:
        optimizer: From `make_optimizer`.
        recipe: Names the schedule.
        step: From 0, over all epochs.
        total_steps: Steps of all epochs.
    """
    for group in optimizer.param_groups:
        group["lr"] = learning_rate_at(recipe, step, total_steps)
        if recipe.optimizer == "sgd":
            group["momentum"] = momentum_at(recipe, step, total_steps)
