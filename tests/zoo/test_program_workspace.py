"""The memory of a program: as large as what has come, the same answers whatever came before."""

from __future__ import annotations

import gc
import itertools

import numpy as np
import pytest

from bnas import zoo
from bnas.binops import tape
from bnas.zoo.program.emitter import emit
from bnas.zoo.program.program import Program
from bnas.zoo.program.steps import BinaryConv, RealConv
from bnas.zoo.program.workspace import Workspace


@pytest.fixture
def program(small_network: zoo.PackedNetwork) -> Program:
    return Program(small_network.parameters.graph, small_network.parameters, (16, 16))


@pytest.fixture(scope="module")
def with_constants() -> zoo.PackedNetwork:
    """A network with bits that are the same for every image, made once an arena."""
    return zoo.load("BNAS-Mini")


@pytest.fixture
def batch() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((9, 3, 16, 16), np.float32)


def test_single_images_take_the_memory_of_one(program: Program, batch: np.ndarray) -> None:
    alone = program.bytes_per_thread
    for image in batch[:3]:
        program.run(image[None])
    # Two threads with an image each: an arena each, of one image.
    program.run(batch[:2], threads=2)
    assert program.bytes_per_thread == alone
    program.run(batch)
    together = program.bytes_per_thread
    assert program.images_together == 4
    assert 2 * alone < together < 4 * alone
    program.run(batch[:1])
    assert program.bytes_per_thread == together


def test_memory_is_allocated_when_a_call_needs_more_and_not_else(
    program: Program, batch: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    grown = []
    grow = Workspace._grow
    monkeypatch.setattr(
        Workspace, "_grow", lambda *given: (grown.append(given[1:]), grow(*given))[1]
    )
    for count, threads in ((1, 1), (1, 1), (2, 2), (1, 2), (9, 1), (9, 2), (1, 1), (3, 1)):
        program.run(batch[:count], threads)
    program.trace(batch)
    # The first; a second lane; room for images that go together, for both lanes.
    assert grown == [(1, False), (2, False), (2, True)]


@pytest.mark.parametrize("order", [*itertools.permutations(((1, 1), (3, 1), (9, 2), (2, 2)))])
def test_what_came_before_changes_no_bit(
    with_constants: zoo.PackedNetwork, batch: np.ndarray, order: tuple[tuple[int, int], ...]
) -> None:
    expected = with_constants(batch, threads=1)
    program = Program(with_constants.parameters.graph, with_constants.parameters, (16, 16))
    for count, threads in order:
        np.testing.assert_array_equal(program.run(batch[:count], threads), expected[:count])
    traced = program.trace(batch[:2])
    np.testing.assert_array_equal(traced["logits"], expected[:2])
    np.testing.assert_array_equal(program.run(batch[:1], 1), expected[:1])


def test_where_one_image_is_all_that_fits_nothing_grows(
    small_network: zoo.PackedNetwork, batch: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = small_network.parameters.graph, small_network.parameters, (16, 16)
    expected = Program(*parts).trace(batch)
    monkeypatch.setattr("bnas.zoo.program.program._BYTES_TOGETHER", 0)
    program = Program(*parts)
    assert program.images_together == 1
    alone = program.bytes_per_thread
    for label, value in program.trace(batch).items():
        np.testing.assert_array_equal(value, expected[label])
    assert program.bytes_per_thread == alone


def test_an_interrupted_growth_is_begun_anew(
    with_constants: zoo.PackedNetwork, batch: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An arena whose constant bits are not there yet is never run in."""
    expected = with_constants(batch)
    program = Program(with_constants.parameters.graph, with_constants.parameters, (16, 16))
    assert program._workspace.main < len(program._workspace._largest), "no bits are constant"

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(tape.Tape, "run", interrupt)
        program.run(batch)
    np.testing.assert_array_equal(program.run(batch), expected)


def test_no_step_outlives_its_writing(small_network: zoo.PackedNetwork) -> None:
    """Steps hold weights, all of which the tape has copies of."""

    def alive() -> int:
        gc.collect()
        return sum(type(each) in (RealConv, BinaryConv) for each in gc.get_objects())

    before = alive()
    emitted = emit(small_network.parameters.graph, small_network.parameters, (16, 16))
    assert alive() > before
    del emitted
    program = Program(small_network.parameters.graph, small_network.parameters, (16, 16))
    assert alive() == before
    assert program.images_together > 1


def test_looking_inside_needs_no_run_before(program: Program, batch: np.ndarray) -> None:
    signs = program.bits(batch[:1])
    program.run(batch[:1])
    again = program.bits(batch)
    for name, found in signs.items():
        np.testing.assert_array_equal(found, again[name][:1])
