"""Both engines of the supernet are one function, in float64 to 1e-10 and in float32 to 1e-5."""

from __future__ import annotations

import copy

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import assume, example, given, settings

from bnas import cells, search
from bnas.cells.nn import BatchNorm2d
from bnas.search.supernet import from_shared, passes, to_shared
from bnas.search.supernet.plain import BinaryConvOp

OPS = [name for name in cells.PRIMITIVES if name != "none"]


@st.composite
def spaces(draw) -> search.SearchSpace:
    """Draw small spaces."""
    chosen = draw(st.lists(st.sampled_from(list(cells.PRIMITIVES)), min_size=1, unique=True))
    if chosen == ["none"]:
        chosen.append(draw(st.sampled_from(OPS)))
    return search.SearchSpace(
        primitives=tuple(chosen),
        nodes=draw(st.integers(1, 3)),
        cells=draw(st.integers(1, 4)),
        channels=2 * draw(st.integers(1, 2)),
        num_classes=draw(st.integers(1, 3)),
        template=draw(st.sampled_from(["cifar", "imagenet"])),
        skip=draw(st.sampled_from(["previous", "none"])),
        official_quirks=draw(st.booleans()),
    )


def pair(space, dtype, seed) -> tuple[search.Supernet, search.Supernet]:
    """Return both engines with the same parameters, some of them far from their start."""
    torch.manual_seed(seed)
    shared = search.Supernet(space).to(dtype)
    for parameter in shared.arch_parameters.values():
        parameter.data.normal_()
    plain = search.Supernet(space, engine="plain").to(dtype)
    plain.load_canonical_state(shared.canonical_state())
    for net in (shared, plain):
        net.project_latents_()
    return shared, plain


def images_for(space, dtype) -> torch.Tensor:
    return torch.randn(3, 3, *((32, 64) if space.template == "imagenet" else (8, 12)), dtype=dtype)


def gradients(net) -> dict[str, torch.Tensor]:
    found = {
        name: torch.zeros_like(value) if value.grad is None else value.grad
        for name, value in net.named_parameters()
    }
    return found if net.engine == "shared" else to_shared(net.space, found)


def agree(found, wanted, tolerance) -> None:
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        value = value.detach()
        atol = tolerance * max(1.0, float(value.abs().max()))
        torch.testing.assert_close(found[name].detach(), value, rtol=0, atol=atol, msg=name)


def tied(space, seed=0) -> bool:
    """Return whether a sign in `compare` is up to rounding.

    Of few pixels with one primitive, a value is its channel's mean now and then.
    """
    _, plain = pair(space, torch.float64, seed)
    ties = []

    def look(_, inputs, output) -> None:
        varied = inputs[0].var(dim=(0, 2, 3), keepdim=True) > 0
        ties.append(bool((varied & (output.abs() < 1e-9)).any()))

    for module in plain.modules():
        if isinstance(module, BinaryConvOp):
            module.bn.register_forward_hook(look)
    plain(images_for(space, torch.float64))
    return any(ties)


def compare(space, dtype, tolerance, seed=0) -> None:
    shared, plain = pair(space, dtype, seed)
    images = images_for(space, dtype)
    for training in (True, False):
        logits = {}
        for net in (shared, plain):
            net.train(training).zero_grad()
            logits[net.engine] = net(images)
            logits[net.engine].square().mean().backward()
        agree({"logits": logits["shared"]}, {"logits": logits["plain"]}, tolerance)
        agree(gradients(shared), gradients(plain), tolerance)
        agree(shared.canonical_state(), plain.canonical_state(), tolerance)


@settings(max_examples=15)
@given(spaces(), st.integers(0, 99))
@example(search.SearchSpace(cells=4, channels=2, nodes=4), 0)
@example(search.SearchSpace(cells=3, channels=2, official_quirks=True), 0)
@example(
    search.SearchSpace(
        primitives=("bin_conv_3x3",),
        nodes=2,
        cells=2,
        channels=2,
        num_classes=3,
        template="imagenet",
    ),
    60,
)
def test_engines_are_one_function(space, seed):
    assume(not tied(space, seed))
    compare(space, torch.float64, 1e-10, seed)


@settings(max_examples=5)
@given(spaces())
def test_without_the_kernels(space):
    assume(not tied(space))
    # As on GPUs: the same sums by torch.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passes, "applies", lambda *_: False)
        compare(space, torch.float64, 1e-10)


def test_engines_are_one_function_in_float32():
    compare(search.SearchSpace(cells=3, channels=4, nodes=3), torch.float32, 1e-5)


def test_bfloat16_is_near_float32():
    torch.manual_seed(0)
    net = search.Supernet(search.SearchSpace(cells=3, channels=16, nodes=2))
    images = torch.randn(8, 3, 16, 16)
    exact = net(images)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = net(images)
    rounded.float().square().mean().backward()
    assert all(each.grad.isfinite().all() for each in net.parameters())
    error = (rounded - exact).detach().abs().max()
    assert error < 0.1 * exact.detach().abs().max()


def test_only_what_is_asked_for_gets_a_gradient():
    net, _ = pair(search.SearchSpace(cells=3, channels=2, nodes=2), torch.float32, 0)
    arch = list(net.arch_parameters.values())
    net(torch.randn(2, 3, 8, 8)).square().mean().backward(inputs=arch)
    assert all(each.grad is not None for each in arch)
    assert all(each.grad is None for each in net.weights())


def test_states_go_back_and_forth():
    for quirks in (False, True):
        space = search.SearchSpace(cells=2, channels=2, official_quirks=quirks)
        state = search.Supernet(space).canonical_state()
        back = to_shared(space, from_shared(space, state))
        assert back.keys() == state.keys()
        assert all(torch.equal(back[name], state[name]) for name in state)


def test_statistics_that_differ_are_refused():
    space = search.SearchSpace(cells=1, channels=2)
    plain = search.Supernet(space, engine="plain")
    norm = next(m for n, m in plain.named_modules() if isinstance(m, BatchNorm2d) and "edges" in n)
    norm.running_mean += 1
    with pytest.raises(search.SearchSpaceError, match="must be equal"):
        plain.canonical_state()


def test_a_state_of_another_space_is_refused():
    state = search.Supernet(search.SearchSpace(cells=1, channels=2)).canonical_state()
    for engine in ("shared", "plain"):
        net = search.Supernet(search.SearchSpace(cells=1, channels=4), engine=engine)
        before = copy.deepcopy(net.state_dict())
        with pytest.raises(search.SearchSpaceError, match="not of a supernet of this space"):
            net.load_canonical_state(state)
        assert before.keys() == net.state_dict().keys()


def test_weights_are_all_but_the_arch_parameters():
    net = search.Supernet(search.SearchSpace())
    arch = net.arch_parameters
    assert {kind: tuple(each.shape) for kind, each in arch.items()} == {
        "normal": (14, 7),
        "reduce": (14, 7),
    }
    assert all(each.abs().max() < 0.01 for each in arch.values())
    assert len(list(net.weights())) == len(list(net.parameters())) - 2


@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 1, 8, 8), (1, 3, 8, 6)])
def test_bad_images(shape):
    net = search.Supernet(search.SearchSpace(cells=1, channels=2))
    with pytest.raises(search.SearchSpaceError, match="`images`"):
        net(torch.zeros(shape))


def test_bad_arguments():
    with pytest.raises(search.SearchSpaceError, match="`engine`"):
        search.Supernet(search.SearchSpace(), engine="fast")
    with pytest.raises(search.SearchSpaceError, match="`space`"):
        search.Supernet("cifar")
