"""The matrix product on a GPU: every family and tile, exact integers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from bnas import binops
from bnas.binops import oracles
from bnas.binops.cuda import products
from bnas.binops.cuda.arrays import as_gpu_array, using
from bnas.binops.cuda.families import family
from bnas.binops.cuda.gemm_shape import GemmTile
from bnas.binops.cuda.popcount_gemm import SIDES
from bnas.binops.cuda.tiles import product_tiles
from bnas.binops.errors import DeviceError, ShapeError
from bnas.binops.testing import gemm_cases

TILES = product_tiles()
# A GPU's own capability is "None"; the simulator runs what it is told to.
FAMILIES = {"and": (9, 0), "xor": (7, 5), "popcount": (6, 1)}
SHAPES = [(1, 1, 1), (17, 9, 40), (5, 33, 513), (16, 16, 512), (20, 18, 1100)]
LARGE = [(4096, 4096, 4096), (1000, 777, 10007), (1, 8192, 8192), (8192, 3, 100)]


def signs(shape, seed=0):
    return np.where(np.random.default_rng(seed).random(shape) < 0.5, 1, -1).astype(np.int8)


def multiplied(a, b, on_gpu, **choices):
    """The product by `products.product`, on the host."""
    left, right = (
        as_gpu_array(on_gpu(np.packbits(x > 0, axis=1, bitorder="little")), "x") for x in (a, b)
    )
    with using({"a": left, "b": right}) as stream:
        out = left.empty((len(a), len(b)), "int32")
        for launch in products.product(left, right, a.shape[1], out, **choices):
            launch(stream)
    return out.owner.copy_to_host()


def test_a_tile_that_threads_cannot_share_out_is_refused():
    with pytest.raises(ShapeError, match="pairs of rows and columns evenly"):
        GemmTile(2, 1, 1, 2)


def test_families_follow_the_capability():
    expected = {(7, 0): "popcount", (7, 5): "xor", (8, 0): "and", (8, 9): "and", (9, 0): "and"}
    expected |= {(10, 0): "popcount", (12, 0): "popcount"}
    assert {capability: family(capability) for capability in expected} == expected


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_multiplies_exactly(on_gpu, machine, name, shape):
    rows, columns, depth = shape
    a, b = signs((rows, depth)), signs((columns, depth), 1)
    # A GPU runs its own instruction, and population counts.
    capability = FAMILIES[name] if machine == "simulator" or name == "popcount" else None
    found = multiplied(a, b, on_gpu, capability=capability)
    np.testing.assert_array_equal(found, oracles.gemm(a, b))


@pytest.mark.parametrize("tile", [*TILES[2:], GemmTile(2, 1, 1, 4)])
@pytest.mark.parametrize("name", ["and", "xor"])
def test_every_tile_multiplies_exactly(on_gpu, machine, name, tile):
    a, b = signs((tile.rows + 3, 600)), signs((tile.columns - 3, 600), 1)
    capability = FAMILIES[name] if machine == "simulator" else None
    found = multiplied(a, b, on_gpu, capability=capability, tile=tile)
    np.testing.assert_array_equal(found, oracles.gemm(a, b))


@pytest.mark.gpu
@pytest.mark.parametrize("tile", TILES)
def test_large_tiles_multiply_exactly(on_gpu, tile):
    a, b = signs((300, 1000)), signs((290, 1000), 1)
    np.testing.assert_array_equal(multiplied(a, b, on_gpu, tile=tile), oracles.gemm(a, b))


@pytest.mark.gpu
@pytest.mark.parametrize("shape", LARGE)
def test_large_products_equal_the_cpu_s(on_gpu, shape):
    rows, columns, depth = shape
    a, b = binops.pack(signs((rows, depth))), binops.pack(signs((columns, depth), 1))
    left, right = (binops.BitTensor.from_kernel(on_gpu(x.data), 1, depth) for x in (a, b))
    np.testing.assert_array_equal(binops.gemm(left, right).copy_to_host(), binops.gemm(a, b))


@settings(deadline=None, max_examples=5)
@given(case=gemm_cases(max_rows=10, max_depth=100))
def test_gemm_of_arrays_on_a_gpu_equals_the_oracle(on_gpu, case):
    found = binops.gemm(on_gpu(case.a), on_gpu(case.b))
    np.testing.assert_array_equal(found.copy_to_host(), oracles.gemm(case.a, case.b))
    assert found.dtype == np.int32


def test_a_matrix_of_bits_may_be_strided(on_gpu):
    a, b = signs((6, 40)), signs((3, 40), 1)
    packed = on_gpu(np.packbits(a > 0, axis=1, bitorder="little"))
    every_other = binops.BitTensor(packed[::2], axis=1, length=40)
    found = binops.gemm(every_other, on_gpu(b))
    np.testing.assert_array_equal(found.copy_to_host(), oracles.gemm(a[::2], b))


def test_operands_in_two_memories_are_refused(on_gpu):
    a = np.ones((2, 3), np.float32)
    with pytest.raises(DeviceError, match="got a in host memory, b in a GPU"):
        binops.gemm(a, on_gpu(a))
    with pytest.raises(DeviceError, match="got a in a GPU, b in host memory"):
        binops.gemm(on_gpu(a), binops.pack(a))


def test_shapes_that_do_not_fit_are_refused(on_gpu, monkeypatch):
    a = on_gpu(np.ones((2, 3), np.float32))
    with pytest.raises(ShapeError, match="must have the same K"):
        binops.gemm(a, on_gpu(np.ones((2, 4), np.float32)))
    with pytest.raises(ShapeError, match="`a` must have 2 axes"):
        binops.gemm(on_gpu(np.ones(3, np.float32)), a)
    monkeypatch.setattr(products, "MOST_WORDS", 31)
    with pytest.raises(ShapeError, match="multiply it part by part"):
        binops.gemm(a, a)


def test_the_largest_tile_that_fills_the_gpu_is_chosen():
    assert products.choose_tile(8192, 8192, 132) == TILES[0]
    assert products.choose_tile(1024, 1024, 132) == TILES[1]
    assert products.choose_tile(16, 16, 132) == TILES[-1]
    assert products.choose_side(8192, 8192, 132) == SIDES[0]
    assert products.choose_side(1, 1, 132) == SIDES[-1]
