from __future__ import annotations

import json

import pytest
from hypothesis import given, settings

from bnas.cells import (
    BATS_PRIMITIVES,
    DARTS_PRIMITIVES,
    Genotype,
    GenotypeError,
    genotypes,
)
from bnas.cells.testing import genotypes as any_genotypes

EDGE = ("bin_conv_3x3", 0)
NODE = (EDGE, ("none", 1))


def pairs(text: str) -> tuple[tuple[str, int], ...]:
    """Read edges as the paper's tables print them: (op,state) (op,state) | ..."""
    words = text.replace("|", " ").split()
    return tuple(
        (word.strip("()").split(",")[0], int(word.strip("()").split(",")[1])) for word in words
    )


@pytest.mark.parametrize(
    ("name", "normal", "reduce"),
    [
        (
            "bnas-cifar10",
            "(none,1) (bin_dil_conv_3x3,0) | (bin_conv_3x3,1) (none,2) | (none,2) (none,3) | "
            "(none,3) (none,4)",
            "(max_pool_3x3,0) (none,1) | (max_pool_3x3,0) (none,2) | (none,3) (none,2) | "
            "(none,3) (none,4)",
        ),
        (
            "bnas-imagenet",
            "(bin_conv_3x3,1) (bin_dil_conv_3x3,0) | (bin_conv_3x3,1) (bin_conv_3x3,2) | "
            "(bin_conv_3x3,2) (bin_dil_conv_3x3,1) | (bin_dil_conv_3x3,1) (bin_conv_3x3,0)",
            "(max_pool_3x3,0) (max_pool_3x3,1) | (max_pool_3x3,0) (bin_conv_3x3,2) | "
            "(max_pool_3x3,0) (bin_dil_conv_3x3,3) | (max_pool_3x3,0) (bin_dil_conv_3x3,4)",
        ),
    ],
)
def test_published_cells(name, normal, reduce):
    published = Genotype(normal=pairs(normal), reduce=pairs(reduce), concat=(2, 3, 4, 5))
    assert genotypes[name] == published


def test_genotypes_by_name():
    assert list(genotypes) == ["bnas-cifar10", "bnas-imagenet", "darts-v2", "bats-style"]
    for name, space in (("darts-v2", DARTS_PRIMITIVES), ("bats-style", BATS_PRIMITIVES)):
        genotype = genotypes[name]
        assert genotype.num_nodes == 4 and genotype.concat == (2, 3, 4, 5)
        assert {op for op, _ in genotype.normal + genotype.reduce} <= set(space)


def test_concat_defaults_to_four_nodes():
    cell = NODE * 4
    assert Genotype(normal=cell, reduce=cell).concat == (2, 3, 4, 5)


def test_lists_become_tuples_that_hash():
    genotype = Genotype(normal=[list(EDGE), ["none", 1]], reduce=list(NODE), concat=[2])
    assert genotype == Genotype(normal=NODE, reduce=NODE, concat=(2,))
    assert len({genotype, Genotype(normal=NODE, reduce=NODE, concat=(2,))}) == 1


def test_cell_and_number_of_nodes():
    other = (("max_pool_3x3", 1), EDGE)
    genotype = Genotype(normal=NODE, reduce=other, concat=(2,))
    assert genotype.cell(reduction=False) == NODE
    assert genotype.cell(reduction=True) == other
    assert genotype.num_nodes == 1


def test_an_unknown_primitive_names_the_nearest():
    with pytest.raises(GenotypeError, match="bin_conv_3x4.*did you mean 'bin_conv_3x3'") as caught:
        Genotype(normal=NODE, reduce=(EDGE, ("bin_conv_3x4", 0)), concat=(2,))
    assert (caught.value.cell, caught.value.edge) == ("reduce", 1)


@pytest.mark.parametrize("op", [None, 3, ["none"], ("none",)])
def test_a_primitive_must_be_a_name(op):
    with pytest.raises(GenotypeError, match="unknown primitive"):
        Genotype(normal=(EDGE, (op, 0)), reduce=NODE, concat=(2,))


@pytest.mark.parametrize("source", [2, 3, -1, True, False, "0", 0.0, None])
def test_an_edge_must_come_from_an_earlier_state(source):
    with pytest.raises(GenotypeError, match=r"`normal` edge 1 .* before node 2: 0\.\.1") as caught:
        Genotype(normal=(EDGE, ("none", source)), reduce=NODE, concat=(2,))
    assert (caught.value.cell, caught.value.edge) == ("normal", 1)


def test_a_later_node_may_read_an_earlier_one_but_not_itself():
    Genotype(normal=NODE + (EDGE, ("none", 2)), reduce=NODE * 2, concat=(3,))
    with pytest.raises(GenotypeError, match=r"before node 3: 0\.\.2 \(got 3\)"):
        Genotype(normal=NODE + (EDGE, ("none", 3)), reduce=NODE * 2, concat=(3,))


@pytest.mark.parametrize("edges", [(), (EDGE,), (EDGE,) * 3])
def test_a_node_has_two_edges(edges):
    with pytest.raises(GenotypeError, match=f"got {len(edges)} edges: a node is missing") as caught:
        Genotype(normal=edges, reduce=NODE, concat=(2,))
    assert caught.value.cell == "normal"


def test_both_cells_have_as_many_nodes():
    with pytest.raises(GenotypeError, match="as many edges as each other .got 2 and 4."):
        Genotype(normal=NODE, reduce=NODE * 2, concat=(2,))


@pytest.mark.parametrize("edges", [None, 5, "none", [("none",)], [("none", 0, 1)], [7]])
def test_edges_are_pairs(edges):
    with pytest.raises(GenotypeError, match="edges must be pairs"):
        Genotype(normal=edges, reduce=NODE, concat=(2,))


@pytest.mark.parametrize("state", [0, 1, 3, -1, True, "2", 2.0])
def test_concat_names_intermediate_nodes(state):
    with pytest.raises(GenotypeError, match=r"intermediate nodes 2\.\.2") as caught:
        Genotype(normal=NODE, reduce=NODE, concat=(state,))
    assert caught.value.concat == (state,)


def test_concat_names_a_node_once():
    with pytest.raises(GenotypeError, match="twice"):
        Genotype(normal=NODE, reduce=NODE, concat=(2, 2))


def test_concat_is_not_empty():
    with pytest.raises(GenotypeError, match="at least one intermediate node"):
        Genotype(normal=NODE, reduce=NODE, concat=())


def test_concat_is_a_sequence():
    with pytest.raises(GenotypeError, match="`concat` must be a sequence"):
        Genotype(normal=NODE, reduce=NODE, concat=2)


@settings(max_examples=30)
@given(genotype=any_genotypes())
def test_json_round_trip(genotype):
    assert Genotype.from_json(genotype.to_json()) == genotype
    assert Genotype.from_dict(genotype.to_dict()) == genotype
    assert json.loads(genotype.to_json()) == genotype.to_dict()


def test_the_json_form():
    # Files in the world have it: a change is breaking.
    genotype = Genotype(normal=NODE, reduce=NODE, concat=(2,))
    assert genotype.to_json() == (
        '{"normal": [["bin_conv_3x3", 0], ["none", 1]], '
        '"reduce": [["bin_conv_3x3", 0], ["none", 1]], "concat": [2]}'
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be JSON text"),
        ("{", "must be JSON text"),
        ("[" * 100_000, "must be JSON text"),
        ("null", "must be a JSON object .got NoneType"),
        ("[]", "must be a JSON object .got list"),
        ("{}", "missing .'normal', 'reduce'."),
        ('{"normal": [], "reduce": [], "concate": []}', "unknown .'concate'."),
        ('{"normal": 3, "reduce": []}', "edges must be pairs"),
        ('{"normal": [["none", 0], ["none", "1"]], "reduce": []}', "edge 1 .*got '1'"),
        ('{"normal": {"none": 0}, "reduce": []}', "edges must be pairs"),
        ('{"normal": [["none", NaN], ["none", 1]], "reduce": []}', "got nan"),
    ],
)
def test_wrong_json_is_named(text, message):
    with pytest.raises(GenotypeError, match=message):
        Genotype.from_json(text)


def test_unknown_and_missing_keys_are_carried():
    with pytest.raises(GenotypeError) as caught:
        Genotype.from_dict({"normal": NODE, "reduced": NODE})
    assert caught.value.keys == ("reduce", "reduced")
