from __future__ import annotations

import pytest
import torch
import torch.nn.functional as functional

from bnas.search.objective import cross_entropy, distillation_loss, objective


def logits(seed: int) -> torch.Tensor:
    return torch.randn((5, 4), generator=torch.Generator().manual_seed(seed))


def test_labels_and_their_one_hot_targets_cost_the_same() -> None:
    labels = torch.tensor([0, 1, 2, 3, 0])
    hot = functional.one_hot(labels, 4).float()
    for smoothing in (0.0, 0.1):
        first = cross_entropy(logits(0), labels, smoothing)
        torch.testing.assert_close(first, cross_entropy(logits(0), hot, smoothing))
    assert cross_entropy(logits(0).bfloat16(), labels).dtype == torch.float32


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_distillation_is_the_divergence_of_the_softened_predictions(temperature: float) -> None:
    student, teacher = logits(0).requires_grad_(), logits(1)
    p = (teacher / temperature).softmax(1)
    q = (student.detach() / temperature).softmax(1)
    expected = temperature**2 * (p * (p / q).log()).sum(1).mean()
    found = distillation_loss(student, teacher, temperature)
    torch.testing.assert_close(found.detach(), expected)
    found.backward()
    torch.testing.assert_close(student.grad, temperature * (q - p) / 5)
    assert float(distillation_loss(teacher, teacher, temperature)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_losses_are_computed_in_float32(dtype: torch.dtype) -> None:
    student, teacher = (400 * logits(0)).to(dtype), (400 * logits(1)).to(dtype)
    labels = torch.tensor([0, 1, 2, 3, 0])
    found = distillation_loss(student, teacher, 4.0), cross_entropy(student, labels, 0.1)
    expected = (
        distillation_loss(student.float(), teacher.float(), 4.0),
        cross_entropy(student.float(), labels, 0.1),
    )
    assert found == expected
    assert [each.dtype for each in found] == [torch.float32] * 2


def test_the_objective_weighs_teacher_and_labels() -> None:
    labels, student, teacher = torch.tensor([0, 1, 2, 3, 0]), logits(0), logits(1)

    def total(weight: float, taught: torch.Tensor | None) -> torch.Tensor:
        return objective(
            student,
            labels,
            taught,
            label_smoothing=0.1,
            distillation_weight=weight,
            temperature=2.0,
        )

    labelled, taught = cross_entropy(student, labels, 0.1), distillation_loss(student, teacher, 2.0)
    torch.testing.assert_close(total(0.0, None), labelled)
    torch.testing.assert_close(total(1.0, teacher), taught)
    torch.testing.assert_close(total(0.25, teacher), 0.75 * labelled + 0.25 * taught)
