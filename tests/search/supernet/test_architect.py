from __future__ import annotations

import pytest
import torch
from torch import nn

from bnas import search
from bnas.search.supernet import first_order, second_order


class Smooth(nn.Module):
    """A tiny mixture of smooth primitives, in float64."""

    def __init__(self) -> None:
        super().__init__()
        source = torch.Generator().manual_seed(3)

        def draw(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.randn(*shape, generator=source, dtype=torch.float64))

        self.arch_parameters = nn.ParameterDict({"normal": draw(2, 3), "reduce": draw(2, 3)})
        self.first, self.second = draw(4, 4), draw(4)
        self.register_buffer("passes", torch.zeros(()))

    def weights(self):
        return [self.first, self.second]

    def forward(self, x):
        self.passes += 1
        normal, reduce = (self.arch_parameters[kind].softmax(1) for kind in ("normal", "reduce"))
        hidden = normal[0, 0] * torch.tanh(x @ self.first) + normal[1, 1] * torch.sin(x)
        return reduce[0, 2] * torch.tanh(hidden @ self.second) + reduce[1, 0] * hidden.mean(1)


def brute_force(net, train, validation, optimizer, *, through):
    """Differentiate through the step itself, or only after it."""
    group = optimizer.param_groups[0]
    rate, decay, momentum = group["lr"], group["weight_decay"], group["momentum"]
    states = [optimizer.state[weight] for weight in net.weights()]
    velocity = [state.get("momentum_buffer", torch.zeros(())) for state in states]
    arch = {f"arch_parameters.{kind}": each for kind, each in net.arch_parameters.items()}
    names = ["first", "second"]
    weights = dict(zip(names, net.weights(), strict=True))

    def loss_at(values, batch):
        return torch.func.functional_call(net, {**arch, **values}, batch).square().mean()

    grads = torch.autograd.grad(loss_at(weights, train), list(weights.values()), create_graph=True)
    grads = grads if through else [grad.detach() for grad in grads]
    stepped = {
        name: weights[name] - rate * (grad + decay * weights[name] + momentum * speed)
        for name, grad, speed in zip(names, grads, velocity, strict=True)
    }
    found = torch.autograd.grad(loss_at(stepped, validation), list(arch.values()))
    return dict(zip(net.arch_parameters, found, strict=True))


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_second_order_is_the_gradient_through_the_step(momentum):
    net = Smooth()
    source = torch.Generator().manual_seed(5)
    train, validation = torch.randn(2, 6, 4, generator=source, dtype=torch.float64)
    optimizer = torch.optim.SGD(net.weights(), lr=3.0, momentum=momentum, weight_decay=0.01)
    if momentum:
        net(validation).mean().backward()
        optimizer.step()
    wanted = brute_force(net, train, validation, optimizer, through=True)
    without = brute_force(net, train, validation, optimizer, through=False)
    before = {name: value.clone() for name, value in net.state_dict().items()}

    def loss_on(batch):
        return lambda: net(batch).square().mean()

    found = second_order(net, loss_on(train), loss_on(validation), optimizer)
    for kind, gradient in wanted.items():
        share = float((gradient - without[kind]).abs().max())
        assert share > 1e-2 * float(gradient.abs().max())
        torch.testing.assert_close(found[kind], gradient, rtol=0, atol=1e-3 * share)
    net.passes.copy_(before["passes"])
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_first_order_is_the_gradient_at_the_weights():
    net = Smooth()
    loss = net(torch.ones(2, 4, dtype=torch.float64)).square().mean()
    wanted = torch.autograd.grad(loss, list(net.arch_parameters.values()), retain_graph=True)
    found = first_order(net, loss)
    assert all(torch.equal(a, b) for a, b in zip(found.values(), wanted, strict=True))


def test_a_supernet_is_left_as_it_was():
    torch.manual_seed(0)
    net = search.Supernet(search.SearchSpace(cells=1, channels=2, nodes=1))
    images = torch.randn(2, 3, 8, 8)
    optimizer = torch.optim.SGD(net.weights(), lr=0.1)
    before = {name: value.clone() for name, value in net.state_dict().items()}

    def loss():
        return net(images).square().mean()

    found = second_order(net, loss, loss, optimizer)
    assert {kind: tuple(each.shape) for kind, each in found.items()} == {
        "normal": (2, 7),
        "reduce": (2, 7),
    }
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(weight.grad is None for weight in net.parameters())


def test_other_optimizers_are_refused():
    net = Smooth()

    def loss():
        return net(torch.ones(1, 4, dtype=torch.float64)).sum()

    adam = torch.optim.Adam(net.weights())
    nesterov = torch.optim.SGD(net.weights(), lr=1.0, momentum=0.9, nesterov=True)
    partial = torch.optim.SGD([net.first], lr=1.0)
    for optimizer, reason in ((adam, "SGD"), (nesterov, "nesterov"), (partial, "all weights")):
        with pytest.raises(search.ArchParamsError, match=reason):
            second_order(net, loss, loss, optimizer)
