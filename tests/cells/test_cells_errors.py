from __future__ import annotations

import pickle
import re

import attrs
import pytest

from bnas.cells import (
    CellsError,
    Genotype,
    GenotypeError,
    Graph,
    GraphError,
    SpecError,
    UnknownNameError,
    cost,
    primitive,
    spec,
)
from bnas.cells.errors import near_names, nearest_names
from bnas.cells.testing import ALL_PRIMITIVES


def raised_by(action) -> CellsError:
    with pytest.raises(CellsError) as caught:
        action()
    return caught.value


EVERY_KIND = {
    GenotypeError: lambda: Genotype(normal=(), reduce=()),
    SpecError: lambda: attrs.evolve(spec("BNAS-A"), channels=0),
    GraphError: lambda: Graph(nodes=(), output="logits"),
    UnknownNameError: lambda: spec("BNAS-I"),
}


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_each_error_is_a_builtin_one_and_one_line(kind):
    error = raised_by(EVERY_KIND[kind])
    assert type(error) is kind
    assert isinstance(error, KeyError if kind is UnknownNameError else ValueError)
    assert str(error) == str(error).strip() != ""
    assert "\n" not in str(error)


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_errors_pass_from_process_to_process(kind):
    error = raised_by(EVERY_KIND[kind])
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert (str(copy), vars(copy)) == (str(error), vars(error))


def test_values_are_attributes():
    error = CellsError("`channels` must be even (got 7)", field="channels", value=7)
    assert (str(error), error.field, error.value) == (
        "`channels` must be even (got 7)",
        "channels",
        7,
    )


def test_graph_errors_carry_the_node():
    error = raised_by(lambda: cost(spec("BNAS-A"), 30))
    assert error.node == "cells.13.output"
    assert f"`{error.node}`" in str(error)


def test_an_unknown_name_shows_no_quoted_message():
    error = raised_by(lambda: primitive("bin_conv_7x7"))
    assert str(error).startswith("unknown primitive 'bin_conv_7x7'; did you mean ")
    assert (error.kind, error.name) == ("primitive", "bin_conv_7x7")
    assert set(ALL_PRIMITIVES) == set(error.known)


@pytest.mark.parametrize(
    ("name", "phrase"),
    [
        ("bnas-b", "did you mean 'BNAS-B'"),
        ("BNAS_A", "did you mean 'BNAS-A'"),
        ("mini", "did you mean 'BNAS-Mini'"),
        ("xyzzy", "known names: BNAS-Mini, BNAS-A, BNAS-B"),
        (7, "known names: "),
    ],
)
def test_nearest_names(name, phrase):
    assert nearest_names(name, ("BNAS-Mini", "BNAS-A", "BNAS-B")).startswith(phrase)


def test_near_names_keep_their_spelling_and_are_three_at_most():
    names = [f"cells.{index}.ops.0.conv" for index in range(50)]
    proposed = re.findall("'(.*?)'", nearest_names("CELLS.7.ops.0.conv", names))
    assert proposed[0] == "cells.7.ops.0.conv"
    assert len(proposed) == 3


def test_long_lists_of_names_are_cut():
    phrase = nearest_names("zzz", [f"node{index}" for index in range(50)])
    assert phrase.endswith("node18, node19 and 30 more")


@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("learnin_rate", "did you mean 'learning_rate'?"),  # Not 'engine' too.
        ("EPOCH", "did you mean 'epochs'?"),
        ("xyzzy", ""),
    ],
)
def test_near_names_are_near(name, question):
    known = ("learning_rate", "engine", "epochs", "restart_epochs")
    assert near_names(name, known) == question
