"""Docstrings tell the shapes and dtypes of arrays, and are held to them: `tests/array_docs.py`."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from bnas import binops, cells, search, zoo
from bnas.binops import oracles
from bnas.cells import nn, nodes
from bnas.search import supernet

SIGNS = np.random.default_rng(0).standard_normal((2, 11, 6, 5)).astype(np.float32)
WEIGHTS = np.random.default_rng(1).standard_normal((4, 11, 3, 3)).astype(np.float32)
LOGITS = np.zeros((14, 7)), np.ones((14, 7))


def documented(array_docs: ModuleType) -> dict[str, Any]:
    modules = (importlib.import_module(name) for name in array_docs.MODULES)
    return {
        f"{module.__name__}: {each.name}": each
        for module in modules
        for each in array_docs.public_arrays(module)
    }


def is_held(function: Any) -> bool:
    return hasattr(function, "is_held")


def binops_calls() -> Iterator[Any]:
    bits = binops.pack(SIGNS, threshold=np.zeros(11, np.float32), flip=np.ones(11, np.bool_))
    yield binops.BitTensor.from_kernel(bits.data, 1, 11)
    yield binops.unpack(bits), binops.max_pool2d(bits, 2, invert=np.ones(11, np.bool_))
    yield binops.gemm(SIGNS[0, 0], SIGNS[1, 0]), binops.conv2d(bits, WEIGHTS)
    cut = binops.Threshold(np.zeros(4, np.int32), np.zeros(4, np.bool_))
    scale = binops.Scale(np.ones(4, np.float32))
    epilogue = (binops.Counts(), cut, scale)
    yield binops.Conv2d(WEIGHTS, (11, 6, 5), epilogue=epilogue)(bits)
    yield oracles.signs(bits), oracles.unpack(oracles.pack(SIGNS))
    yield oracles.gemm(SIGNS[0, 0], SIGNS[1, 0]), oracles.max_pool2d(SIGNS, 2)
    counts = oracles.conv2d(SIGNS, WEIGHTS)
    yield oracles.threshold(counts, cut), oracles.scale(counts, scale)


def cells_calls() -> Iterator[Any]:
    spec = cells.changed(cells.spec("BNAS-Mini"), num_cells=3, channels=8)
    network, images = nn.Network(spec), torch.zeros(2, 3, 16, 16)
    network.draw_drop_path_(0.5, 2, torch.Generator())
    yield network(images), network.trace(images), network.evaluate(images)
    yield network.eval()(images), network.drop_path("stem.conv", images)
    geometry = nodes.BinaryConv(
        name="conv", inputs=("input",), in_channels=8, out_channels=4, kernel=3, groups=2
    )
    conv, x = nn.BinaryConv2d(geometry), torch.ones(2, 8, 5, 5)
    conv.project_latent_()
    yield nn.Sign()(x), nn.RPReLU(8)(x), nn.BatchNorm2d(8).eval()(x), conv(x)
    yield nn.binary_weight(conv.weight), nn.gradient_factor(conv.weight), nn.round_counts(x)
    yield nn.convolve(x, conv.weight, 1, 0, 1, 2), nn.binarize_activation(x.double())


def search_calls() -> Iterator[Any]:
    images = search.ImageSet(
        torch.zeros(4, 3, 8, 8, dtype=torch.uint8), torch.arange(4), ("a",) * 4
    )
    yield images.take(torch.tensor([0, 2]))
    yield search.GradientHistory(("a", "b"), ("real", "binary"), (0,), [[1.0, 2.0]]).at(0)
    yield search.discretize(*LOGITS), search.mean_entropy(*map(torch.tensor, LOGITS))
    normal, reduce = (torch.tensor(each) for each in LOGITS)
    yield search.search_objective(torch.tensor(1.0), normal, reduce, 1.0)
    yield supernet.arch_entropy(normal, reduce)
    space = search.SearchSpace(nodes=1, cells=3, channels=4)
    yield search.Supernet(space)(torch.zeros(2, 3, 8, 8))


def zoo_calls() -> Iterator[Any]:
    spec = cells.changed(cells.spec("BNAS-Mini"), num_cells=3, channels=8)
    packed = zoo.pack(nn.Network(spec).eval())
    images = np.zeros((2, 3, 32, 32), np.float32)
    yield packed.rank(packed(images)), packed.trace(images)
    yield packed.predict(np.zeros((40, 30, 3), np.uint8))


def test_every_docstring_holds_for_a_call(array_docs: ModuleType) -> None:
    """The calls are held to docstrings by a fixture for the session, as those of all tests are."""
    array_docs.CALLED.clear()
    for calls in (binops_calls, cells_calls, search_calls, zoo_calls):
        assert all(result is not None for result in calls())
    called = {
        f"{each.function.__module__}: {each.name}" for each in documented(array_docs).values()
    }
    assert called - array_docs.CALLED == set()


def test_every_public_array_is_documented(array_docs: ModuleType) -> None:
    wanting = [
        line for each in documented(array_docs).values() for line in array_docs.undocumented(each)
    ]
    assert wanting == []


def test_every_public_array_function_is_held(array_docs: ModuleType) -> None:
    """By the fixture for the session: a wrapper stands for each."""
    free = [name for name, each in documented(array_docs).items() if not is_held(each.function)]
    assert free == []


WRONG = {
    "another dtype": ("int32 (M, N)", "int64 (M, N)"),
    "another rank": ("int32 (M, N)", "int32 (M, N, K)"),
    "axes in another order": ("int32 (M, N)", "int32 (N, M)"),
    "an argument's axis": ("(N, K) of", "(N, M) of"),
    "an argument's rank": ("(M, K) numbers", "(M,) numbers"),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_wrong_docstring_is_found(array_docs: ModuleType, wrong: tuple[str, str]) -> None:
    doc = binops.gemm.__doc__
    assert doc is not None and wrong[0] in doc
    a, b = np.ones((2, 8)), np.ones((3, 8))
    array_docs.held(oracles.gemm, doc, "gemm")(a, b)
    with pytest.raises(array_docs.ArrayDocError, match="gemm"):
        array_docs.held(oracles.gemm, doc.replace(*wrong), "gemm")(a, b)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("float32 (N, C, H, W), normalised", ["float32 (N, C, H, W)"]),
        ("(O, C / groups, KH, KW) of the same kind", ["(O, C / groups, KH, KW)"]),
        ("int32 (N, O), or bits (N, O)", ["int32 (N, O)", "bits (N, O)"]),
        ("float (N, O, H', W')", ["float (N, O, H', W')"]),
        ("uint8 (outer, ceil(L / 8))", ["uint8 (outer, ceil(L / 8))"]),
        ("Pixels; an int or (height, width).", []),
        ("Bools (True = +1, False = -1), `f(N, C)`", []),
    ],
)
def test_the_grammar(array_docs: ModuleType, text: str, terms: list[str]) -> None:
    assert [term.text for term in array_docs.terms_of(text)] == terms
