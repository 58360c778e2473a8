"""The loss: cross entropy with labels or mixed targets, and distillation."""

from __future__ import annotations

import torch.nn.functional as functional
from torch import Tensor


def cross_entropy(logits: Tensor, targets: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Return the mean cross entropy of a batch, in float32.

    Args:
        logits: (N, classes), any float dtype.
        targets: int64 labels (N,), or float32 probabilities (N, classes).
        label_smoothing: Probability mass spread evenly over the classes.
    """
    return functional.cross_entropy(logits.float(), targets, label_smoothing=label_smoothing)


def distillation_loss(logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """Return ``T^2 * KL(teacher || student)`` of the softened predictions, the mean of a batch.

    The factor keeps the size of the gradient independent of the temperature T.

    Args:
        logits: Of the student, (N, classes).
        teacher_logits: Of the teacher, (N, classes).
        temperature: Divides the logits of both.

    References:
        Hinton, Vinyals, Dean, "Distilling the knowledge in a neural network", 2015, Section 2.
    """
    student = functional.log_softmax(logits.float() / temperature, dim=1)
    teacher = functional.log_softmax(teacher_logits.float() / temperature, dim=1)
    divergence = functional.kl_div(student, teacher, reduction="batchmean", log_target=True)
    return divergence * temperature**2


def objective(
    logits: Tensor,
    targets: Tensor,
    teacher_logits: Tensor | None,
    *,
    label_smoothing: float,
    distillation_weight: float,
    temperature: float,
) -> Tensor:
    """Return ``(1 - w) * cross entropy + w * distillation``, a scalar.

    Args:
        logits: (N, classes).
        targets: As for `cross_entropy`.
        teacher_logits: (N, classes); None for cross entropy alone.
        label_smoothing: Of the cross entropy.
        distillation_weight: The share w of the teacher.
        temperature: Of the distillation.
    """
    loss = cross_entropy(logits, targets, label_smoothing)
    if teacher_logits is None:
        return loss
    taught = distillation_loss(logits, teacher_logits, temperature)
    return (1 - distillation_weight) * loss + distillation_weight * taught
