"""`absorb`: batch norms and ReLUs join the real convolution before them, where nobody can tell."""

from __future__ import annotations

import numpy as np

from bnas.binops import tape
from bnas.zoo.program.absorption import absorb
from bnas.zoo.program.steps import AddTo, Fill, Place, RealConv, ReLU, Scale, Step
from bnas.zoo.program.thresholds import Affine

IMAGE, VALUE, NORM, LAST = (Place(name, 0, 4) for name in ("image", "value", "norm", "last"))
RNG = np.random.default_rng(0)


def conv(groups: int = 1, *, bias: bool = True) -> RealConv:
    weight = RNG.integers(-3, 4, (groups, 4 // groups, 4 // groups)).astype(np.float32)
    return RealConv(
        weight=weight,
        bias=np.arange(4, dtype=np.float32) if bias else None,
        window=tape.Window(kernel=1),
        reads=(IMAGE,),
        writes=(VALUE,),
    )


def norm(reads: Place = VALUE, writes: Place = NORM) -> Scale:
    affine = Affine(np.array([1, -2, 0, 0.5], np.float32), np.array([4, 3, 2, 1], np.float32))
    return Scale(affine=affine, reads=(reads,), writes=(writes,))


def relu(reads: Place, writes: Place) -> ReLU:
    return ReLU(reads=(reads,), writes=(writes,))


def run(step: RealConv, x: np.ndarray) -> np.ndarray:
    """Values of a 1x1 convolution for x (4, pixels)."""
    groups = len(step.weight)
    parts = [w @ p for w, p in zip(step.folded_weight(), np.split(x, groups), strict=True)]
    value = np.concatenate(parts)
    if step.bias is not None:
        value = value + step.bias[:, None]
    return np.maximum(value, 0) if step.relu else value


def test_norm_and_relu_vanish() -> None:
    x = RNG.integers(-4, 5, (4, 9)).astype(np.float32)
    for groups in (1, 2):
        for bias in (True, False):
            first = conv(groups, bias=bias)
            steps: list[Step] = [first, norm(), relu(NORM, LAST)]
            (joined,), reached = absorb(steps, ())
            assert reached == [0, 1, 1, 1]
            assert isinstance(joined, RealConv)
            assert joined.reads == (IMAGE,)
            assert joined.writes == (LAST,)
            affine = norm().affine
            mapped = run(first, x) * affine.multiplier[:, None] + affine.offset[:, None]
            np.testing.assert_array_equal(run(joined, x), np.maximum(mapped, 0))


def test_a_norm_behind_a_relu_stays() -> None:
    steps: list[Step] = [conv(), relu(VALUE, NORM), norm(NORM, LAST)]
    found, reached = absorb(steps, ())
    assert [type(step) for step in found] == [RealConv, Scale]
    assert reached == [0, 1, 1, 2]


def test_a_value_that_somebody_looks_at_stays() -> None:
    found, _ = absorb([conv(), norm()], {"value"})
    assert [type(step) for step in found] == [RealConv, Scale]


def test_a_value_with_two_readers_stays() -> None:
    steps: list[Step] = [conv(), norm(), relu(VALUE, LAST)]
    found, reached = absorb(steps, ())
    assert found == steps
    assert reached == [0, 1, 2, 3]


def test_a_value_that_is_added_to_later_stays() -> None:
    add = AddTo(reads=(IMAGE, VALUE), writes=(VALUE,))
    found, _ = absorb([conv(), norm(), add], ())
    assert [type(step) for step in found] == [RealConv, Scale, AddTo]


def test_only_what_follows_at_once() -> None:
    steps: list[Step] = [conv(), Fill(writes=(LAST,)), norm()]
    assert absorb(steps, ())[0] == steps
