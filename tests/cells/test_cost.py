from __future__ import annotations

import json
import math
from collections import Counter

import attrs
import pytest
import torch
from hypothesis import given, settings

from bnas.cells import CostReport, GraphError, NetworkSpec, SpecError, cost, genotypes, spec
from bnas.cells.nn import BinaryConv2d, Network
from bnas.cells.testing import genotypes as any_genotypes
from bnas.cells.testing import network_specs


def with_real_tail(network: NetworkSpec) -> NetworkSpec:
    return attrs.evolve(network, real_weight_tail=2)


def totals(report: CostReport) -> tuple[int, int, int, int]:
    binary = [layer for layer in report.layers if layer.is_binary]
    real = [layer for layer in report.layers if not layer.is_binary]
    return (
        sum(layer.params for layer in report.layers),
        sum(layer.params for layer in binary),
        sum(layer.macs for layer in binary),
        sum(layer.macs for layer in real),
    )


@settings(max_examples=25)
@given(network=network_specs())
def test_cost_adds_up_over_layers(network):
    for rule in ("paper", "deployed"):
        report = cost(network, 32, rule)
        assert totals(report) == (
            report.params,
            report.binary_params,
            report.binary_macs,
            report.real_macs,
        )
        assert len({layer.name for layer in report.layers}) == len(report.layers)


@settings(max_examples=10)
@given(wiring=any_genotypes(max_nodes=3))
def test_each_normal_cell_of_a_stage_costs_the_same(wiring):
    # Cells 4 and 8 reduce, of 12 cells as of 13; what follows a reduction cell reads two sizes.
    def of_cell(report: CostReport, cell: str) -> Counter[tuple[str, int, int]]:
        return Counter(
            (layer.kind, layer.params, layer.macs) for layer in report.layers if layer.cell == cell
        )

    report = cost(NetworkSpec(genotype=wiring, num_cells=12, channels=4))
    assert of_cell(report, "cell_06") == of_cell(report, "cell_07") != Counter()
    longer = cost(NetworkSpec(genotype=wiring, num_cells=13, channels=4))
    added = sum(layer.macs for layer in longer.layers if layer.cell == "cell_10")
    macs = longer.binary_macs + longer.real_macs - report.binary_macs - report.real_macs
    assert macs == added


@settings(max_examples=15)
@given(network=network_specs(max_channels=6, max_cells=5))
def test_counts_are_those_of_the_torch_module(network):
    module = Network(network, pruned=False).eval()
    seen: Counter[str] = Counter()

    def note(part: torch.nn.Module, _: object, output: torch.Tensor) -> None:
        window = part.weight[0].numel() if part.weight.ndim > 1 else 0
        kind = "binary" if isinstance(part, BinaryConv2d) else "real"
        seen[f"{kind}_macs"] += window * output.numel()
        seen["binary_params"] += part.weight.numel() * (kind == "binary")

    for part in module.modules():
        if getattr(part, "weight", None) is not None:
            part.register_forward_hook(note)
    with torch.no_grad():
        module(torch.zeros(1, 3, 32, 32))
    report = cost(network, 32)
    assert report.params == sum(parameter.numel() for parameter in module.parameters())
    assert {key: getattr(report, key) for key in seen} == dict(seen)


@pytest.mark.parametrize("rule", ["paper", "deployed"])
def test_a_binary_mac_is_a_64th_of_a_flop(rule):
    # Without Zeroise and without reductions' skips both rules count the same operations.
    network = spec("BNAS-D", skip="none")
    report = cost(network, rule=rule)
    assert report.flops == report.real_macs + report.binary_macs / 64
    assert report.speed_up == (report.real_macs + report.binary_macs) / report.flops


def test_the_paper_rule_leaves_out_the_skip_convolutions():
    # Their batch norms stay: one bit for each parameter.
    with_skips, without = cost(spec("BNAS-D")), cost(spec("BNAS-D", skip="none"))
    assert with_skips.flops == without.flops
    norms = [layer for layer in with_skips.layers if layer.role == "skip" and not layer.macs]
    assert len(norms) == 2
    extra_bits = sum(layer.params for layer in norms)
    assert with_skips.memory_bytes - without.memory_bytes == math.ceil(extra_bits / 8)


@pytest.mark.parametrize("reduction_skip", ["real", "binary", "pool"])
def test_the_paper_rule_knows_no_kind_of_skip(reduction_skip):
    report = cost(spec("BNAS-A", reduction_skip=reduction_skip))
    assert report.flops == cost(spec("BNAS-A")).flops


def test_the_deployed_rule_counts_what_is_stored():
    # One cell of one node: 3x3 of c(k-2) beside a 1x1 block for each of the two inputs.
    edges = (("bin_conv_3x3", 0), ("bin_conv_3x3", 1))
    network = NetworkSpec(
        genotype=attrs.evolve(genotypes["bnas-cifar10"], normal=edges, reduce=edges, concat=(2,)),
        num_cells=1,
        channels=4,
        num_classes=10,
    )
    report = cost(network, rule="deployed")
    inside = 8  # the only cell reduces: channels double
    stem_bits = 2 * 3 * 32 + 12 * 27 * 32
    preprocess_bits = 2 * (12 * 33 + inside * 12 + inside * 32)
    op_bits = 2 * (inside * 33 + inside * inside * 9 + inside * 32)
    classifier_bits = (inside + 1) * 10 * 32
    assert report.memory_bytes * 8 == stem_bits + preprocess_bits + op_bits + classifier_bits
    assert report.memory_saving == report.params * 32 / (report.memory_bytes * 8)


def test_the_deployed_rule_is_that_of_the_pruned_network():
    mini = cost(spec("BNAS-Mini"), rule="deployed")
    # preprocess1 of both reduction cells is dead: 96 to 48 at 32x32, 192 to 96 at 16x16.
    dead = 96 * 48 * 32**2 + 192 * 96 * 16**2
    assert mini.flops == mini.real_macs + (mini.binary_macs - dead) / 64
    assert mini.speed_up == (mini.real_macs + mini.binary_macs) / mini.flops


def test_layers_that_are_not_one_bit_are_listed():
    names = [layer.name for layer in cost(spec("BNAS-Mini")).real_layers]
    skips = ["cells.3.skip.conv", "cells.6.skip.conv"]
    assert names == ["stem.conv", *skips, "classifier"]
    official = cost(with_real_tail(spec("BNAS-Mini"))).real_layers
    tail = ["cells.9.ops.1.conv", "cells.9.ops.2.conv"]
    assert [layer.name for layer in official] == ["stem.conv", *skips, *tail, "classifier"]


def test_a_layer_says_what_it_is():
    report = cost(spec("BNAS-A"))
    layers = {layer.name: layer for layer in report.layers}
    conv = layers["cells.6.preprocess0.conv"]
    assert (conv.kind, conv.cell, conv.role) == ("BinaryConv", "cell_06", "preprocess")
    assert (conv.params, conv.macs, conv.weight_bits) == (72 * 144, 72 * 144 * 32**2, 1)
    norm = layers["cells.7.preprocess0.bn"]
    assert (norm.kind, norm.params, norm.macs) == ("BatchNorm", 0, 0)
    assert layers["classifier"].params == 576 * 10 + 10


def test_the_report_as_a_dictionary():
    report = cost(spec("bnas-a"), input_size=32, rule="paper").to_dict()
    assert list(report) == [
        *("model", "rule", "input_size", "params", "binary_params", "binary_macs", "real_macs"),
        *("flops", "memory_bytes", "memory_saving", "speed_up"),
    ]
    assert (report["model"], report["rule"], report["input_size"]) == ("BNAS-A", "paper", 32)
    assert json.loads(json.dumps(report)) == report


def test_a_changed_network_has_no_published_name():
    assert cost(spec("BNAS-Mini", num_classes=100)).model == "custom"


def test_macs_grow_with_the_image_and_params_do_not():
    small, large = cost(spec("BNAS-Mini"), 32), cost(spec("BNAS-Mini"), 64)
    assert large.binary_macs == 4 * small.binary_macs
    assert (large.params, large.memory_bytes) == (small.params, small.memory_bytes)
    assert cost(spec("BNAS-Mini")).input_size == 32
    assert cost(spec("BNAS-D")).input_size == 224


@pytest.mark.parametrize("rule", ["papier", None, 1, ["paper"]])
def test_an_unknown_rule_is_named(rule):
    with pytest.raises(SpecError, match="`rule` must be one of .'paper', 'deployed'.") as caught:
        cost(spec("BNAS-Mini"), rule=rule)
    assert (caught.value.field, caught.value.value) == ("rule", rule)


@pytest.mark.parametrize("size", [0, "32", 30, 31.0])
def test_a_size_that_the_network_cannot_take(size):
    with pytest.raises(GraphError, match="`input_size`|`cells.6.output`"):
        cost(spec("BNAS-Mini"), size)
