from __future__ import annotations

import json

import attrs
import pytest
from hypothesis import given, settings

from bnas.cells import (
    Genotype,
    GenotypeError,
    NetworkSpec,
    SpecError,
    UnknownNameError,
    genotypes,
    list_baselines,
    list_specs,
    spec,
)
from bnas.cells.testing import network_specs

CIFAR, IMAGENET = genotypes["bnas-cifar10"], genotypes["bnas-imagenet"]

TABLE_1 = {
    "BNAS-Mini": (10, 24),
    "BNAS-A": (20, 36),
    "BNAS-B": (12, 64),
    "BNAS-C": (16, 108),
    "BNAS-D": (12, 64),
    "BNAS-E": (12, 68),
    "BNAS-F": (15, 68),
    "BNAS-G": (11, 74),
    "BNAS-H": (16, 128),
}


def test_the_published_networks():
    assert list_specs() == tuple(TABLE_1)
    assert {name: (spec(name).num_cells, spec(name).channels) for name in list_specs()} == TABLE_1


@pytest.mark.parametrize("name", list_specs())
def test_template_and_cell_of_the_published_networks(name):
    is_small = name in ("BNAS-Mini", "BNAS-A", "BNAS-B", "BNAS-C")
    expected = ("cifar", CIFAR, 10, 32) if is_small else ("imagenet", IMAGENET, 1000, 224)
    published = spec(name)
    assert (
        published.template,
        published.genotype,
        published.num_classes,
        published.input_size,
    ) == expected
    assert (published.skip, published.reduction_skip) == ("previous", "real")
    assert published.real_weight_tail == 0


def test_spec_takes_any_case_and_changes():
    changed = spec("bnas-a", num_classes=100, skip="both")
    assert changed == attrs.evolve(spec("BNAS-A"), num_classes=100, skip="both")


def test_spec_proposes_the_nearest_name():
    with pytest.raises(UnknownNameError, match="did you mean.*'BNAS-A'") as caught:
        spec("BNAS-AA")
    assert (caught.value.kind, caught.value.name) == ("model", "BNAS-AA")
    assert caught.value.known == (*list_specs(), *list_baselines())


@pytest.mark.parametrize("name", [None, 3, ""])
def test_spec_lists_the_names_where_none_is_near(name):
    with pytest.raises(UnknownNameError, match="known names: BNAS-Mini, BNAS-A"):
        spec(name)


def test_spec_names_an_unknown_field():
    with pytest.raises(UnknownNameError, match="unknown field 'chanels'; did you mean 'channels'"):
        spec("BNAS-A", chanels=3)


@pytest.mark.parametrize(
    ("num_cells", "reductions"),
    [(1, {0}), (2, {0, 1}), (3, {1, 2}), (5, {1, 3}), (10, {3, 6}), (20, {6, 13}), (16, {5, 10})],
)
def test_positions_of_reductions(num_cells, reductions):
    assert NetworkSpec(genotype=CIFAR, num_cells=num_cells).reductions == reductions


@pytest.mark.parametrize("field", ["num_cells", "channels", "num_classes", "real_weight_tail"])
@pytest.mark.parametrize("value", [-1, "8", 8.0, True, None])
def test_counts_are_integers_in_range(field, value):
    with pytest.raises(SpecError, match=f"`{field}` must be an integer from ") as caught:
        NetworkSpec(genotype=CIFAR, **{field: value})
    assert (caught.value.field, caught.value.value) == (field, value)


@pytest.mark.parametrize("field", ["num_cells", "channels", "num_classes"])
def test_counts_are_not_zero(field):
    with pytest.raises(SpecError, match=rf"`{field}` must be an integer from 1 to \d+ \(got 0\)"):
        NetworkSpec(genotype=CIFAR, **{field: 0})


def test_the_imagenet_stem_halves_the_channels():
    NetworkSpec(genotype=CIFAR, template="cifar", channels=7)
    with pytest.raises(SpecError, match="must be even in the imagenet template.*channels=7") as got:
        NetworkSpec(genotype=CIFAR, template="imagenet", channels=7)
    assert (got.value.field, got.value.value) == ("channels", 7)


@pytest.mark.parametrize("field", ["template", "skip", "reduction_skip"])
@pytest.mark.parametrize("value", ["nope", "", None, 1, [], {}])
def test_choices_are_listed(field, value):
    with pytest.raises(SpecError, match=f"`{field}` must be one of .*'.*") as caught:
        NetworkSpec(genotype=CIFAR, **{field: value})
    assert (caught.value.field, caught.value.value) == (field, value)


def test_the_genotype_is_one():
    with pytest.raises(SpecError, match="`genotype` must be a Genotype .got str."):
        NetworkSpec(genotype="bnas-cifar10")


def test_evolving_validates():
    with pytest.raises(SpecError, match="`channels`"):
        attrs.evolve(spec("BNAS-A"), channels=0)


@settings(max_examples=30)
@given(network=network_specs())
def test_json_round_trip(network):
    text = network.to_json()
    assert NetworkSpec.from_json(text) == network
    assert NetworkSpec.from_json(text).to_json() == text


def test_the_json_form():
    # Checkpoints and weights files in the world have it: a change is breaking.
    edges = [["none", 0], ["none", 1]]
    genotype = Genotype(normal=edges, reduce=edges, concat=[2])
    assert json.loads(NetworkSpec(genotype=genotype).to_json()) == {
        "kind": "bnas",
        "genotype": {"normal": edges, "reduce": edges, "concat": [2]},
        "template": "cifar",
        "num_cells": 10,
        "channels": 24,
        "num_classes": 10,
        "skip": "previous",
        "reduction_skip": "real",
        "real_weight_tail": 0,
    }


def test_fields_with_defaults_may_be_left_out():
    data = {"kind": "bnas", "genotype": CIFAR.to_dict(), "channels": 36, "num_cells": 20}
    assert NetworkSpec.from_json(json.dumps(data)) == spec("BNAS-A")


def test_extra_json_keys_are_refused():
    data = json.loads(spec("BNAS-A").to_json()) | {"chanels": 3}
    with pytest.raises(
        SpecError, match=r"unknown fields \['chanels'\].*allowed: .*'channels'"
    ) as e:
        NetworkSpec.from_json(json.dumps(data))
    assert e.value.field == "chanels"


@pytest.mark.parametrize("field", ["num_cells", "channels", "num_classes", "real_weight_tail"])
@pytest.mark.parametrize("value", ["5", 5.0, None, [5], True])
def test_json_values_are_not_converted(field, value):
    data = json.loads(spec("BNAS-A").to_json()) | {field: value}
    with pytest.raises(SpecError, match=f"`{field}` must be an integer"):
        NetworkSpec.from_json(json.dumps(data))


@pytest.mark.parametrize("field", ["template", "skip", "reduction_skip"])
@pytest.mark.parametrize("value", ["CIFAR", None, 0, ["cifar"], {"a": 1}])
def test_json_choices_are_not_converted(field, value):
    data = json.loads(spec("BNAS-A").to_json()) | {field: value}
    with pytest.raises(SpecError, match=f"`{field}` must be one of"):
        NetworkSpec.from_json(json.dumps(data))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be JSON text"),
        ("{'kind': 'bnas'}", "must be JSON text"),
        ("[" * 100_000, "must be JSON text"),
        ("[1]", "must be a JSON object .got list"),
        ("{}", 'of `kind` "bnas" .got None'),
        ('{"kind": "resnet"}', "got 'resnet'"),
        ('{"kind": "bnas"}', "must have a `genotype`"),
    ],
)
def test_wrong_json_is_named(text, message):
    with pytest.raises(SpecError, match=message):
        NetworkSpec.from_json(text)


def test_a_wrong_genotype_in_json_is_named():
    data = json.loads(spec("BNAS-A").to_json())
    data["genotype"]["normal"][0][0] = "bin_conv_7x7"
    with pytest.raises(GenotypeError, match="`normal` edge 0: unknown primitive 'bin_conv_7x7'"):
        NetworkSpec.from_json(json.dumps(data))


def test_specs_of_equal_fields_are_equal_and_hash():
    assert len({spec("BNAS-A"), spec("bnas-a"), spec("BNAS-A", num_classes=11)}) == 2


@pytest.mark.parametrize("field", ["num_cells", "channels", "num_classes", "real_weight_tail"])
def test_numbers_that_would_fill_the_memory(field):
    with pytest.raises(SpecError, match=rf"`{field}` must be an integer from \d to \d+"):
        NetworkSpec(genotype=genotypes["bnas-cifar10"], **{field: 10**9})
