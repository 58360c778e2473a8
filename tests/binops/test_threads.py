"""Threads: the number is checked, set for the call only, and shared safely."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import pytest

from bnas import binops
from bnas.binops import threads
from bnas.binops.errors import ThreadsError


def test_none_takes_numbas_number():
    assert threads.resolve(None) == numba.get_num_threads()


@pytest.mark.parametrize("wrong", [0, -1, 1.0, 10**6])
def test_an_impossible_number_is_refused(wrong):
    with pytest.raises(ThreadsError, match="must be an int from 1 to") as caught:
        threads.resolve(wrong)
    assert caught.value.threads == wrong
    assert caught.value.limit == numba.config.NUMBA_NUM_THREADS


def test_the_number_is_restored_after_an_error():
    before = numba.get_num_threads()
    with pytest.raises(RuntimeError), threads.parallel_region(1):
        assert numba.get_num_threads() == 1
        raise RuntimeError
    assert numba.get_num_threads() == before


def test_one_parallel_region_at_a_time():
    with threads.parallel_region(1):
        assert threads._REGION.locked()
    assert not threads._REGION.locked()


def test_python_threads_may_share_a_plan():
    generator = np.random.default_rng(5)
    x = generator.standard_normal((4, 64, 32, 32), np.float32)
    plan = binops.Conv2d(generator.standard_normal((64, 64, 3, 3)), x.shape, padding=1)
    expected = plan(x, threads=1)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(plan, [x] * 8))
    assert all(np.array_equal(result, expected) for result in results)


def test_a_lock_that_the_parent_holds_is_free_in_a_forked_child():
    lock = threads.fork_safe_lock()
    with lock:
        child = os.fork()
        if child == 0:
            os._exit(0 if lock.acquire(timeout=1) else 1)
        _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
