"""The supernet against one forward and backward pass of the authors' public code."""

from __future__ import annotations

import re

import pytest
import torch
import torch.nn.functional as functional

from bnas import cells, search
from bnas.cells.nn import BinaryConv2d
from bnas.search.supernet.plan import real_convs

SPACE = search.SearchSpace(cells=3, channels=4, official_quirks=True)
PRIMITIVES = list(cells.PRIMITIVES)
#: What is left out of the file has these values there too.
UNTOUCHED = ("running_mean", "running_var", "num_batches_tracked", "weight_scale")


def own_name(key: str) -> str:
    """Name a parameter of the authors' supernet as the plain engine does."""
    key = key.replace("_ops.", "edges.", 1)
    key = re.sub(
        r"_ops\.(\d)\.op\.0\.weight", lambda hit: f"{PRIMITIVES[int(hit[1])]}.conv.weight", key
    )
    key = re.sub(r"preprocess_res\.0", "skip.bn", key)
    key = re.sub(r"preprocess_res\.1", "skip.conv", key)
    return key.replace("op.0.weight", "conv.weight")


@pytest.fixture(scope="module")
def arrays(golden):
    found = golden("search_supernet_part")
    return {key: torch.from_numpy(found[key]) for key in found if key != "binarised_names"}


def load(arrays, space, engine) -> search.Supernet:
    plain = search.Supernet(space, engine="plain")
    state = {own_name(k.removeprefix("sd/")): v for k, v in arrays.items() if k.startswith("sd/")}
    for kind in ("normal", "reduce"):
        state[f"arch_parameters.{kind}"] = arrays[f"alphas_{kind}"]
    missing, unexpected = plain.load_state_dict(state, strict=False)
    assert unexpected == []
    assert all(key.endswith(UNTOUCHED) for key in missing)
    supernet = search.Supernet(space, engine=engine)
    supernet.load_canonical_state(plain.canonical_state())
    supernet.train().project_latents_()
    return supernet


@pytest.mark.parametrize("engine", ["plain", "shared"])
def test_logits_and_gradients_of_arch_params(arrays, engine):
    supernet = load(arrays, SPACE, engine)
    logits = supernet(arrays["input"])
    torch.testing.assert_close(logits, arrays["logits"], rtol=1e-4, atol=1e-5)
    loss = functional.cross_entropy(logits, arrays["target"])
    torch.testing.assert_close(loss.double(), arrays["loss"], rtol=1e-5, atol=0)
    loss.backward()
    for kind, parameter in supernet.arch_parameters.items():
        wanted = arrays[f"grad_ce/alphas_{kind}"]
        torch.testing.assert_close(parameter.grad, wanted, rtol=1e-4, atol=1e-5)


def test_which_convolutions_the_authors_binarise(golden):
    names = {own_name(str(name)) for name in golden("search_supernet_part")["binarised_names"]}
    supernet = search.Supernet(SPACE, engine="plain")
    binary = {
        f"{name}.weight"
        for name, module in supernet.named_modules()
        if isinstance(module, BinaryConv2d) and not module.real_weights
    }
    assert binary == names


def test_the_published_search_leaves_18_convolutions_real():
    space = search.SearchSpace(official_quirks=True)
    real = sorted(real_convs(space))
    assert len(real) == 18
    assert {cell for cell, _, _ in real} == {7}
    assert {edge for _, edge, _ in real} == {9, 10, 11, 12, 13}
    assert real_convs(search.SearchSpace()) == frozenset()


def test_without_the_quirks_the_logits_are_others(arrays):
    supernet = load(arrays, search.SearchSpace(cells=3, channels=4), "shared")
    logits = supernet(arrays["input"])
    assert float((logits - arrays["logits"]).detach().abs().max()) > 1e-2
