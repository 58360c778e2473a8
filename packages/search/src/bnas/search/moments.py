"""The moments of an optimizer in bfloat16, for small checkpoints."""

from __future__ import annotations

from typing import Any

import torch

#: What torch's SGD and Adam keep for each parameter.
_MOMENTS = ("momentum_buffer", "exp_avg", "exp_avg_sq")


def narrowed(optimizer_state: dict[str, Any]) -> dict[str, Any]:
    """Return an optimizer's state with its moments rounded to bfloat16."""
    return _converted(optimizer_state, torch.bfloat16)


def widened(optimizer_state: dict[str, Any]) -> dict[str, Any]:
    """Return an optimizer's state with its moments in float32."""
    return _converted(optimizer_state, torch.float32)


def _converted(optimizer_state: dict[str, Any], dtype: torch.dtype) -> dict[str, Any]:
    per_parameter = {
        index: {
            name: value.to(dtype) if name in _MOMENTS and value is not None else value
            for name, value in moments.items()
        }
        for index, moments in optimizer_state["state"].items()
    }
    return {**optimizer_state, "state": per_parameter}
