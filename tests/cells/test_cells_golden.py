"""Networks and one training step of the authors' code, reproduced by the torch modules.

Their sign(0) is 0, so that is used here: in the two steps 65,536 and 32,768 values before a sign
are exactly 0, those of the channels of the first stage that Zeroise leaves 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import pytest
import torch
from attrs import frozen
from torch import Tensor
from torch.nn import functional

from bnas.cells import NetworkSpec, genotypes
from bnas.cells.nn import BinaryConv2d, Network

WEIGHT_DECAY = 3e-6
STEPS = ("train_tiny_randbn", "train_tiny_defaultbn")
# Tensors that differ only in the order of float32 sums. The data state 4.3e-5 of a tensor's largest
# value between float32 and float64 gradients; two float32 orders were 3e-6 apart.
GRADIENT_TOLERANCE = 2e-5
# The gradient of what a batch norm subtracts again is 0; float32 leaves 1e-7 of those around it.
NOISE = 1e-6


def load(network: Network, arrays: dict[str, np.ndarray]) -> Network:
    """Put golden arrays into a network; what a pruned one has not is left out."""
    state = network.state_dict()
    untold = {name for name in state if name.endswith(("num_batches_tracked", "weight_scale"))}
    assert set(state) - untold <= set(arrays)
    network.load_state_dict(
        {name: torch.from_numpy(arrays.get(name, tensor.numpy())) for name, tensor in state.items()}
    )
    return network


@pytest.mark.parametrize("name", ["cifar_tiny_latest", "imagenet_tiny_latest"])
@pytest.mark.parametrize("pruned", [True, False])
def test_evaluation(golden, golden_json, own_arrays, name, pruned):
    arrays, facts = golden(name), golden_json(name)
    network = Network(
        NetworkSpec(
            genotype=genotypes["bnas-imagenet"],
            template=facts["template"],
            num_cells=facts["layers"],
            channels=facts["C"],
            num_classes=facts["num_classes"],
            real_weight_tail=2,
        ),
        pruned=pruned,
        official_sign=True,
    )
    load(network, own_arrays(arrays, "sd"))
    network.project_latents_()
    with torch.no_grad():
        values = network.eval().trace(torch.from_numpy(arrays["input"]))
    wanted = {"logits": arrays["logits"]} | {
        key.removeprefix("out/"): array for key, array in arrays.items() if key.startswith("out/")
    }
    assert set(wanted) == set(values)
    for label, array in wanted.items():
        # Of the cells, the first image.
        error = np.abs(values[label].numpy()[: len(array)] - array).max()
        assert error <= 1e-5 * np.abs(array).max(), label


@frozen
class Step:
    """One SGD step of the authors' code, and the same step here.

    Attributes:
        golden: `golden("…")`.
        part: Turns a prefix of golden arrays into tensors under this project's names.
        facts: `golden_json("…")`.
        network: After the step.
        projected: Its state before the step, latent weights projected.
        logits: Of the forward pass.
        gradients: Of the loss, with the authors' factor; None for parameters of dead layers.
    """

    golden: dict[str, np.ndarray]
    part: Callable[[str], dict[str, Tensor]]
    facts: dict[str, Any]
    network: Network
    projected: dict[str, Tensor]
    logits: Tensor
    gradients: dict[str, Tensor | None]

    @property
    def loss(self) -> float:
        target = torch.from_numpy(self.golden["target"])
        return float(functional.cross_entropy(self.logits, target))


@pytest.fixture(scope="module", params=[f"{n}-{p}" for n in STEPS for p in ("pruned", "whole")])
def step(request, golden, golden_json, own_arrays) -> Step:
    name, _, form = request.param.partition("-")
    return take_step(golden(name), golden_json(name), own_arrays, pruned=form == "pruned")


def take_step(
    golden: dict[str, np.ndarray],
    facts: dict[str, Any],
    own_arrays: Callable[..., dict[str, np.ndarray]],
    *,
    pruned: bool,
    official_gradient: bool = True,
) -> Step:
    def part(prefix: str) -> dict[str, Tensor]:
        arrays = own_arrays(golden, prefix)
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    network = Network(
        NetworkSpec(
            genotype=genotypes["bnas-cifar10"],
            num_cells=facts["layers"],
            channels=facts["C"],
            real_weight_tail=2,
        ),
        pruned=pruned,
        official_sign=True,
        official_gradient=official_gradient,
    )
    load(network, own_arrays(golden, "sd_before")).train()
    network.project_latents_()
    projected = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    optimizer = torch.optim.SGD(
        network.parameters(),
        lr=facts["lr"],
        momentum=facts["momentum"],
        weight_decay=WEIGHT_DECAY,
    )
    logits = network(torch.from_numpy(golden["input"]))
    functional.cross_entropy(logits, torch.from_numpy(golden["target"])).backward()
    gradients = {
        name: None if parameter.grad is None else parameter.grad.clone()
        for name, parameter in network.named_parameters()
    }
    optimizer.step()
    return Step(golden, part, facts, network, projected, logits.detach(), gradients)


def largest(tensors: dict[str, Tensor]) -> float:
    return max(float(tensor.abs().max()) for tensor in tensors.values())


def test_the_weights_with_a_binary_form_are_theirs(step, own_name):
    binarised = {own_name(name) for name in step.facts["binarised"]}
    own = {
        f"{name}.weight"
        for name, part in step.network.named_modules()
        if isinstance(part, BinaryConv2d)
    }
    dead = {own_name(name) for name in dead_parameters(step)}
    is_pruned = step.network.graph != step.network.spec.lower()
    assert own == (binarised - dead if is_pruned else binarised)


def dead_parameters(step: Step) -> set[str]:
    return {name.removeprefix("grad/") for name in step.facts["params_with_zero_grad"]}


def test_projection_before_the_step(step):
    restored = step.part("restored")
    ours = {name: step.projected[name] for name in restored if name in step.projected}
    assert len(ours) >= 8
    for name, tensor in ours.items():
        torch.testing.assert_close(tensor, restored[name], rtol=0, atol=2**-24)


def test_forward(step):
    wanted = torch.from_numpy(step.golden["logits"])
    atol = 1e-6 * float(wanted.abs().max())
    torch.testing.assert_close(step.logits, wanted, rtol=0, atol=atol)
    assert step.loss == pytest.approx(float(step.golden["loss"]), rel=1e-6)


def test_gradients(step, own_name):
    wanted = step.part("grad")
    noise = NOISE * largest(wanted)
    live = {name: tensor for name, tensor in step.gradients.items() if tensor is not None}
    for name, tensor in live.items():
        atol = max(GRADIENT_TOLERANCE * float(wanted[name].abs().max()), noise)
        torch.testing.assert_close(tensor, wanted[name], rtol=0, atol=atol, msg=name)
    assert {own_name(name) for name in dead_parameters(step)} == set(wanted) - set(live)


def test_state_after_the_step(step):
    before, after = step.part("sd_before"), step.part("sd_after")
    state = step.network.state_dict()
    untold = {name for name in state if name.endswith(("num_batches_tracked", "weight_scale"))}
    for name in set(state) - untold:
        change = float((after[name] - before[name]).abs().max())
        # What the step changes, to the tolerance of gradients, and one rounding of the sum.
        rounding = 2**-23 * float(after[name].abs().max())
        noise = step.facts["lr"] * NOISE * largest(step.part("grad"))
        atol = GRADIENT_TOLERANCE * change + rounding + noise
        torch.testing.assert_close(state[name], after[name], rtol=0, atol=atol, msg=name)
    assert all(int(state[name]) == 1 for name in state if name.endswith("num_batches_tracked"))


def test_the_step_changes_the_state(step):
    # Otherwise the test above would hold for a step that does nothing.
    before, after = step.part("sd_before"), step.part("sd_after")
    moved = [name for name in after if not torch.equal(before[name], after[name])]
    assert len(moved) > 0.9 * len(after)


@pytest.mark.parametrize("name", STEPS)
def test_gradients_without_the_authors_factor(golden, golden_json, own_arrays, name):
    step = take_step(
        golden(name), golden_json(name), own_arrays, pruned=False, official_gradient=False
    )
    with_factor = step.part("grad")
    of_weights = {k: g for k, g in step.part("grad_binarised").items() if g.any()}
    assert of_weights
    for key, upstream in of_weights.items():
        latent = step.part("restored")[key]
        sign = latent.sign()
        scale = latent.abs().mean(dim=(1, 2, 3), keepdim=True)
        plain = scale * upstream + sign * (sign * upstream).mean(dim=(1, 2, 3), keepdim=True)
        factor = latent[0].numel() * (1 - 1 / latent.shape[1])
        for got, wanted in ((step.gradients[key], plain), (plain * factor, with_factor[key])):
            atol = GRADIENT_TOLERANCE * float(wanted.abs().max())
            torch.testing.assert_close(got, wanted, rtol=0, atol=atol, msg=key)


@pytest.mark.parametrize("name", STEPS)
def test_the_sign_of_zero_matters_to_the_authors_weights(golden, own_arrays, golden_json, name):
    # Own networks take sign(0) = +1, which packed bits have: then the logits are others.
    arrays, facts = golden(name), golden_json(name)
    step = take_step(arrays, facts, own_arrays, pruned=True)
    own = Network(attrs.evolve(step.network.spec))
    load(own, own_arrays(arrays, "sd_before")).train()
    own.project_latents_()
    with torch.no_grad():
        logits = own(torch.from_numpy(arrays["input"]))
    assert float((logits - step.logits).abs().max()) > 1e-2
