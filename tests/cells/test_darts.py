"""`DartsSpec`: its template by hand, block by block, and its counts."""

from __future__ import annotations

import attrs
import pytest
import torch
from hypothesis import find, given, settings
from hypothesis import strategies as st

from bnas import cells
from bnas.cells import DartsSpec, NetworkSpec, SpecError, nodes
from bnas.cells.nn import Network
from bnas.cells.testing import ALL_PRIMITIVES, darts_specs, genotypes, network_specs

DARTS, BATS = cells.spec("DARTS-V2"), cells.spec("BATS-style")
SMALL = cells.spec("DARTS-V2", num_cells=3, channels=4, num_classes=3)
#: Channels of a node, and side of the images, in the three stages of 6, 7 and 7 cells.
STAGES = ((36, 32, range(6)), (72, 16, range(6, 13)), (144, 8, range(13, 20)))


def kinds(graph: cells.Graph, prefix: str) -> list[str]:
    return [type(node).__name__ for node in graph if node.name.startswith(f"{prefix}.")]


def window(node: nodes.Node) -> tuple[int, ...]:
    assert isinstance(node, nodes.Conv)
    return (node.kernel, node.stride, node.padding, node.dilation, node.groups)


def preprocess_params() -> int:
    """Weights of the 1x1 convolutions before all cells of 36 channels, by hand."""
    outputs = [108, 108, *(4 * channels for channels, _, own in STAGES for _ in own)]
    of_cells = [channels for channels, _, own in STAGES for _ in own]
    return sum(
        (outputs[index] + outputs[index + 1]) * channels for index, channels in enumerate(of_cells)
    )


def test_shapes_of_the_cells() -> None:
    for spec in (DARTS, BATS, cells.spec("BATS-style-real")):
        graph = spec.lower()
        shapes = graph.shapes(32)
        assert shapes[graph.taps["stem"]] == (108, 32, 32)
        for channels, side, own in STAGES:
            for index in own:
                tap = graph.taps[f"cell_{index:02d}"]
                assert tap == f"cells.{index}.concat", "nothing goes around a cell"
                assert shapes[tap] == (4 * channels, side, side)
        assert shapes[graph.output] == (10, 1, 1)


def test_stems() -> None:
    graph = SMALL.lower()
    stem = [type(node).__name__ for node in graph if node.cell == "stem"]
    assert stem == ["Conv", "BatchNorm"]
    assert window(graph["stem.conv"]) == (3, 1, 1, 1, 1)
    assert graph["stem.conv"].out_channels == 12
    large = attrs.evolve(SMALL, template="imagenet")
    theirs = NetworkSpec(genotype=SMALL.genotype, template="imagenet", channels=4)
    for name in ("stem0", "stem1"):
        assert [node for node in large.lower() if node.cell == name] == [
            node for node in theirs.lower() if node.cell == name
        ]


def test_preprocessing_is_1x1_and_of_stride_2_after_a_reduction() -> None:
    graph = cells.spec("DARTS-V2", num_cells=6, channels=4).lower()
    found = {
        name: window(graph[f"{name}.conv"])[:2]
        for index in range(6)
        for name in (f"cells.{index}.preprocess0", f"cells.{index}.preprocess1")
    }
    halved = {"cells.3.preprocess0", "cells.5.preprocess0"}  # cells 2 and 4 reduce
    assert found == {name: (1, 2 if name in halved else 1) for name in found}
    for name in found:
        assert kinds(graph, name) == ["BatchNorm", "Sign", "BinaryConv", "ReLU"]


def test_separable_convolutions_are_pairs_of_blocks() -> None:
    graph = SMALL.lower()
    block = ["BatchNorm", "Sign", "BinaryConv", "ReLU"]
    # Cells 1 and 2 of three reduce: cell 0 is normal, with 4 channels.
    assert SMALL.reductions == {1, 2}
    assert kinds(graph, "cells.0.ops.0") == 4 * block
    parts = ("depthwise1", "pointwise1", "depthwise2", "pointwise2")
    windows = [window(graph[f"cells.0.ops.0.{part}.conv"]) for part in parts]
    assert windows == 2 * [(3, 1, 1, 1, 4), (1, 1, 0, 1, 1)]
    assert kinds(graph, "cells.0.ops.7") == 2 * block
    assert window(graph["cells.0.ops.7.depthwise1.conv"]) == (3, 1, 2, 2, 4)
    assert isinstance(graph["cells.0.ops.5"], nodes.Identity)
    assert graph["cells.0.node.2"].inputs == ("cells.0.ops.4.pointwise2.relu", "cells.0.ops.5")


def test_the_first_of_a_reduction_s_separable_convolutions_has_the_stride() -> None:
    edges = (("sep_conv_5x5", 0), ("skip_connect", 1))
    wiring = cells.Genotype(normal=edges, reduce=edges, concat=(2,))
    for downsampling, kind in (("binary", nodes.BinaryConv), ("real", nodes.Conv)):
        spec = DartsSpec(genotype=wiring, num_cells=1, channels=4, downsampling=downsampling)
        graph = spec.lower()
        parts = {
            "ops.0.depthwise1": (5, 2, 2, 1, 8),
            "ops.0.depthwise2": (5, 1, 2, 1, 8),
            "ops.1": (1, 2, 0, 1, 1),
        }
        for name, geometry in parts.items():
            conv = graph[f"cells.0.{name}.conv"]
            assert window(conv) == geometry
            assert type(conv) is (kind if geometry[1] == 2 else nodes.BinaryConv)
        for name in ("ops.0.pointwise1", "ops.0.pointwise2"):
            assert type(graph[f"cells.0.{name}.conv"]) is nodes.BinaryConv


def test_real_downsampling_leaves_out_signs_and_nothing_else() -> None:
    binary, real = BATS.lower(), cells.spec("BATS-style-real").lower()
    left = {node.name for node in binary} - {node.name for node in real}
    assert {node.name for node in real} <= {node.name for node in binary}
    changed = {
        node.name.removesuffix(".conv")
        for node in real
        if type(node) is nodes.Conv and node.role != "stem"
    }
    assert left == {f"{name}.sign" for name in changed}
    preprocess = {name for name in changed if "preprocess" in name}
    assert len(preprocess) == 2 * 20
    # Of each reduction cell, two grouped convolutions read its inputs (BATS-style's edges 1 and 2).
    assert changed - preprocess == {f"cells.{i}.ops.{edge}" for i in (6, 13) for edge in (1, 2)}


@pytest.mark.parametrize("template", ["cifar", "imagenet"])
def test_channels_that_groups_do_not_divide_are_refused(template: str) -> None:
    message = r"`channels` must be a multiple of 12 with group_conv_3x3, .* \(got channels=20\)"
    with pytest.raises(SpecError, match=message) as caught:
        attrs.evolve(BATS, channels=20, template=template)
    assert caught.value.field == "channels"
    with pytest.raises(SpecError, match=message):
        NetworkSpec(genotype=BATS.genotype, channels=20, template=template)
    assert NetworkSpec(genotype=BATS.genotype, channels=24).lower().shapes(32)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"genotype": "darts-v2"}, "`genotype` must be a Genotype"),
        ({"template": "mnist"}, "`template` must be one of"),
        ({"num_cells": 0}, "`num_cells` must be"),
        ({"channels": 5, "template": "imagenet"}, "`channels` must be even"),
        ({"num_classes": True}, "`num_classes` must be"),
        ({"downsampling": "float"}, r"`downsampling` must be one of \('binary', 'real'\)"),
        ({"activation": "gelu"}, "`activation` must be one of"),
    ],
)
def test_wrong_fields_are_named(fields: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        attrs.evolve(SMALL, **fields)


def test_the_json_form() -> None:
    wiring = cells.genotypes["bats-style"].to_json()
    assert BATS.to_json() == (
        f'{{"kind": "darts", "genotype": {wiring}, "template": "cifar", "num_cells": 20, '
        '"channels": 36, "num_classes": 10, "downsampling": "binary", "activation": "relu"}'
    )
    with pytest.raises(SpecError, match="must have a `genotype`"):
        DartsSpec.from_json('{"kind": "darts"}')
    with pytest.raises(SpecError, match="unknown fields .'skip'.*'downsampling'"):
        DartsSpec.from_json(BATS.to_json().replace('"template"', '"skip": "none", "template"'))


@settings(max_examples=40)
@given(spec=darts_specs() | network_specs(wirings=genotypes(primitives=ALL_PRIMITIVES)))
def test_any_genotype_in_both_templates(spec: DartsSpec | NetworkSpec) -> None:
    text = spec.to_json()
    assert cells.spec_from_json(text) == spec and cells.spec_from_json(text).to_json() == text
    graph = spec.lower()
    shapes = graph.shapes(spec.input_size)
    assert shapes[graph.output] == (spec.num_classes, 1, 1)
    pruned = cells.prune(graph)
    assert pruned.shapes(spec.input_size)[pruned.output] == shapes[graph.output]
    assert not any(isinstance(node, nodes.Identity) for node in pruned)
    assert cells.cost(spec, rule="deployed").flops <= cells.cost(spec).real_macs + (
        cells.cost(spec).binary_macs / 64
    )


@settings(max_examples=15)
@given(
    spec=darts_specs(max_cells=3, max_channels=4, templates=["cifar"])
    | network_specs(max_cells=3, max_channels=4, wirings=genotypes(primitives=ALL_PRIMITIVES)),
    binarize=st.sampled_from(["all", "none"]),
)
def test_pruning_leaves_the_function(spec: DartsSpec | NetworkSpec, binarize: str) -> None:
    torch.manual_seed(0)
    whole = Network(spec, pruned=False, binarize=binarize).eval()
    pruned = Network(spec, binarize=binarize).eval()
    state = whole.state_dict()
    pruned.load_state_dict({name: state[name] for name in pruned.state_dict()})
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(pruned(images), whole(images), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "kind",
    [
        lambda spec: spec.template == "imagenet" and spec.downsampling == "real",
        lambda spec: spec.activation == "rprelu" and spec.num_cells == 1,
        lambda spec: ("skip_connect", 0) in spec.genotype.reduce,
        lambda spec: any(op.startswith("dil_group") for op, _ in spec.genotype.normal),
        lambda spec: any(op.startswith("sep_conv_5x5") for op, _ in spec.genotype.reduce),
    ],
)
def test_every_kind_of_network_is_drawn(kind: object) -> None:
    assert find(darts_specs(), kind)


@given(st.data(), st.integers(1, 3), st.integers(2, 30))
def test_specs_keep_their_bounds(data: st.DataObject, num_cells: int, channels: int) -> None:
    drawn = darts_specs(max_cells=num_cells, max_channels=channels, downsamplings=["real"])
    spec = data.draw(drawn)
    assert spec.num_cells <= num_cells and spec.downsampling == "real"
    assert spec.channels <= max(channels, 12)


# Counts


def separable(channels: int) -> int:
    """Weights of one depthwise 3x3 and pointwise pair."""
    return 9 * channels + channels**2


def test_parameters_of_darts_by_hand() -> None:
    # A normal cell: five sep_conv_3x3, each twice a pair, and one dil_conv_3x3. A reduction cell
    # pools, and its skip_connects have stride 1.
    normal_cells = ((36, 6), (72, 6), (144, 6))
    in_cells = sum(count * 11 * separable(channels) for channels, count in normal_cells)
    binary = in_cells + preprocess_params()
    stem, classifier = 3 * 108 * 9, 576 * 10 + 10
    report = cells.cost(DARTS)
    assert report.binary_params == binary == 3_300_264
    norms = report.params - binary - stem - classifier
    outputs = [108, 108, *(4 * channels for channels, _, own in STAGES for _ in own)]
    before_preprocess = sum(outputs[i] + outputs[i + 1] for i in range(20))
    before_edges = sum(count * 22 * channels for channels, count in normal_cells)
    assert norms == 2 * (108 + before_preprocess + before_edges)
    assert cells.cost(cells.spec("DARTS-V2.float")).params == report.params == 3_400_534


def test_parameters_of_darts_are_those_of_its_repository_but_for_batch_norms() -> None:
    # DARTS's authors state 3.3 M; their code counts 3,349,342 without the auxiliary head. Its batch
    # norms follow the convolutions: C channels after a preprocess block, not the 4 C before it;
    # one after each pair of a separable convolution, not two before its convolutions.
    normal_cells = ((36, 6), (72, 6), (144, 6))
    after_preprocess = sum(2 * channels * len(own) for channels, _, own in STAGES)
    after_pairs = sum(count * 11 * channels for channels, count in normal_cells)
    weights = cells.cost(DARTS).binary_params + 3 * 108 * 9 + 576 * 10 + 10
    assert weights + 2 * (108 + after_preprocess + after_pairs) == 3_349_342


def test_multiply_accumulates_of_darts_by_hand() -> None:
    binary = 0
    outputs = [(108, 32), (108, 32), *((4 * c, side) for c, side, own in STAGES for _ in own)]
    for index, (channels, side) in enumerate((c, s) for c, s, own in STAGES for _ in own):
        before, last = outputs[index : index + 2]
        at = last[1]  # both blocks put out the size of c(k-1), before the cell reduces it
        binary += at**2 * channels * (before[0] + last[0])
        if index not in (6, 13):
            binary += side**2 * 11 * separable(channels)
    report = cells.cost(DARTS)
    assert report.binary_macs == binary == 525_367_296
    assert report.real_macs == 3 * 108 * 9 * 32**2 + 576 * 10
    assert report.flops == report.real_macs + binary / 64


def test_a_network_stacked_as_darts_is_counted_alike_under_both_rules() -> None:
    for name in ("DARTS-V2", "BATS-style", "BATS-style-real"):
        spec = cells.spec(name)
        published, deployed = (cells.cost(spec, rule=rule) for rule in ("paper", "deployed"))
        # Nothing is pruned, no skip left out: rules differ in the bits of scales and thresholds.
        assert published.flops == deployed.flops
        bits = published.params + 31 * (published.params - published.binary_params)
        assert published.memory_bytes == -(-bits // 8)
        twin = cells.cost(cells.FloatTwin(spec))
        assert published.speed_up == twin.flops / published.flops
        assert published.memory_saving == pytest.approx(4 * twin.params / published.memory_bytes)


def test_real_downsampling_costs_what_section_5_says() -> None:
    """The supplement, Section 5: "roughly 4 times more FLOPs" with downsampling layers real."""

    def ratio(**fields: object) -> float:
        real, binary = (cells.spec(name, **fields) for name in ("BATS-style-real", "BATS-style"))
        assert cells.cost(real).params == cells.cost(binary).params
        return cells.cost(real).flops / cells.cost(binary).flops

    large = {"template": "imagenet", "num_cells": 14, "channels": 48, "num_classes": 1000}
    assert ratio(**large) == pytest.approx(4.40, abs=0.005)
    # For small images the stem is cheap, and what is left real weighs more.
    assert ratio() == pytest.approx(26.77, abs=0.005)


def test_grouped_convolutions_read_a_twelfth() -> None:
    graph = BATS.lower()
    conv = graph["cells.0.ops.4.conv"]
    assert window(conv) == (5, 1, 2, 1, 12)
    assert conv.weight_count == 36 * 3 * 25
    layer = next(each for each in cells.cost(BATS).layers if each.name == conv.name)
    assert (layer.params, layer.macs) == (2700, 2700 * 32**2)
    assert layer.is_binary


def test_darts_s_cell_in_bnas_s_template() -> None:
    spec = NetworkSpec(genotype=cells.genotypes["darts-v2"], num_cells=4, channels=4)
    graph = spec.lower()
    assert isinstance(graph["cells.2.output"], nodes.Add)
    assert cells.cost(spec).model == "custom"
    edges = (("skip_connect", 0), ("skip_connect", 1))
    wiring = cells.Genotype(normal=edges, reduce=edges, concat=(2,))
    halved = NetworkSpec(genotype=wiring, num_cells=1, channels=4).lower()
    assert window(halved["cells.0.ops.0.conv"]) == (1, 2, 0, 1, 1)
    assert kinds(halved, "cells.0.ops.0") == ["BatchNorm", "Sign", "BinaryConv", "ReLU"]
