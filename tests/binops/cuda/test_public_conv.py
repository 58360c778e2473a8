"""`Conv2d` with inputs on a GPU: the same outputs as on the CPU, in the same convention."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bnas import binops
from bnas.binops.bits import BitTensor
from bnas.binops.cuda import public_conv
from bnas.binops.cuda.public_conv import passes_of
from bnas.binops.errors import DeviceError, DtypeError, EpilogueError, ShapeError

RANDOM = np.random.default_rng(5)
X = RANDOM.standard_normal((2, 20, 3, 4)).astype(np.float32)
W = RANDOM.standard_normal((21, 20, 3, 3)).astype(np.float32)
SCALE = binops.Scale(RANDOM.random(21, np.float32), relu=True)
THRESHOLD = binops.Threshold(RANDOM.integers(-9, 9, 21), RANDOM.random(21) > 0.5)


@pytest.fixture
def bits(on_gpu: Callable[[Any], Any]) -> BitTensor:
    """X, packed, on the GPU."""
    return BitTensor.from_kernel(on_gpu(binops.pack(X).data), 1, 20)


def host(result: Any) -> np.ndarray:
    """A result on the GPU, copied."""
    return (result.data if isinstance(result, BitTensor) else result).copy_to_host()


@pytest.mark.parametrize("capability", [(9, 0), (12, 0)], ids=str)
def test_all_epilogues_are_those_of_the_cpu(
    bits: BitTensor, capability: tuple[int, int], machine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if machine == "simulator":  # A GPU has a capability of its own.
        monkeypatch.setattr(public_conv, "capability_of", lambda array: capability)
    epilogue = ("int32", THRESHOLD, SCALE, binops.Scale(-SCALE.scale), THRESHOLD)
    plan = binops.Conv2d(W, X.shape, padding=1, epilogue=epilogue)
    for expected, found in zip(plan(X), plan(bits), strict=True):
        wanted = expected.data if isinstance(expected, BitTensor) else expected
        np.testing.assert_array_equal(host(found), wanted)
        if isinstance(expected, BitTensor):
            assert (found.shape, found.axis) == (expected.shape, 1)


def test_outputs_may_be_given_and_added_to(bits: BitTensor, on_gpu: Callable[[Any], Any]) -> None:
    plan = binops.Conv2d(W, X.shape, padding=1, epilogue=binops.Scale(SCALE.scale, accumulate=True))
    before = RANDOM.standard_normal((2, 21, 3, 4)).astype(np.float32)
    out = on_gpu(before)
    assert plan(bits, out=out) is out
    np.testing.assert_array_equal(out.copy_to_host(), plan(X, out=before))


def test_bits_come_out_as_they_go_in(bits: BitTensor) -> None:
    first = binops.Conv2d(W, X.shape, padding=1, epilogue=THRESHOLD)
    second = binops.Conv2d(W.transpose(1, 0, 2, 3), (21, 3, 4), stride=2)
    np.testing.assert_array_equal(host(second(first(bits))), second(first(X)))


def test_numbers_and_weights_may_live_on_the_gpu(on_gpu: Callable[[Any], Any]) -> None:
    counts = binops.conv2d(on_gpu(X), on_gpu(W), padding=1)
    np.testing.assert_array_equal(host(counts), binops.conv2d(X, W, padding=1))
    np.testing.assert_array_equal(binops.Conv2d(on_gpu(W), X.shape)(X), binops.conv2d(X, W))


def test_no_images(on_gpu: Callable[[Any], Any]) -> None:
    empty = BitTensor.from_kernel(on_gpu(np.zeros((0, 3, 3, 4), np.uint8)), 1, 20)
    assert host(binops.Conv2d(W, X.shape, padding=1)(empty)).shape == (0, 21, 3, 4)


def test_what_does_not_fit_is_refused(bits: BitTensor, on_gpu: Callable[[Any], Any]) -> None:
    plan = binops.Conv2d(W, X.shape, padding=1)
    with pytest.raises(ShapeError, match=r"`x` must have shape \(N, 20, 3, 5\)"):
        binops.Conv2d(W, (20, 3, 5), padding=1)(bits)
    with pytest.raises(ShapeError, match="`out` must be int32 of shape"):
        plan(bits, out=on_gpu(np.zeros((2, 21, 3, 4), np.float32)))
    with pytest.raises(DeviceError, match="must live on the GPU of `x`"):
        plan(bits, out=np.zeros((2, 21, 3, 4), np.int32))
    with pytest.raises(DtypeError, match="BitTensor for Threshold alone"):
        plan(bits, out=bits)
    adding = binops.Scale(SCALE.scale, accumulate=True)
    with pytest.raises(EpilogueError, match="must be given"):
        binops.Conv2d(W, X.shape, padding=1, epilogue=adding)(bits)


def test_a_second_scaled_output_takes_a_second_launch() -> None:
    parts = passes_of((binops.Counts(), SCALE, THRESHOLD, SCALE))
    assert [(part.counts, part.bits, part.floats) for part in parts] == [
        (0, (2,), 1),
        (None, (), 3),
    ]
