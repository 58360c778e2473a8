from __future__ import annotations

import pytest

from bnas import cells
from bnas.cells import SpecError, UnknownNameError


def test_the_baselines() -> None:
    assert cells.list_baselines() == (
        "Bi-Real-18", "Bi-Real-34", "XNOR-ResNet-18", "XNOR-ResNet-34", "ResNet-18", "ResNet-34",
        "DARTS-V2", "BATS-style", "BATS-style-real",
    )  # fmt: skip
    for name in cells.list_baselines():
        spec = cells.spec(name)
        if isinstance(spec, cells.DartsSpec):
            assert (spec.input_size, spec.num_classes) == (32, 10)
            assert (spec.num_cells, spec.channels) == (20, 36)
        else:
            assert (spec.input_size, spec.num_classes, spec.width) == (224, 1000, 64)
        assert isinstance(spec, cells.Spec)
        assert cells.cost(spec).model == cells.name_of(spec) == name


@pytest.mark.parametrize("suffix", ["", ".float"])
def test_names_survive_other_classes(suffix: str) -> None:
    for name in ("BNAS-D", "Bi-Real-34"):
        spec = cells.spec(f"{name}{suffix}", num_classes=17)
        assert cells.name_of(spec) == f"{name}{suffix}"
        assert cells.name_of(spec, exactly=True) == ""
        assert cells.cost(spec, 64).model == "custom"
    assert cells.name_of(cells.spec(f"Bi-Real-18{suffix}", width=32)) == ""


def test_changed_names_unknown_fields() -> None:
    with pytest.raises(UnknownNameError, match="unknown field 'channels'; .*'activation'|known"):
        cells.changed(cells.spec("Bi-Real-18"), channels=3)
    with pytest.raises(UnknownNameError, match="did you mean 'width'"):
        cells.spec("Bi-Real-18.float", widht=3)
    with pytest.raises(SpecError, match="`width`"):
        cells.changed(cells.spec("Bi-Real-18.float"), width=0)


@pytest.mark.parametrize("name", ["Bi-Real", "resnet18", "bi-real-18.floats"])
def test_the_nearest_names_are_proposed(name: str) -> None:
    with pytest.raises(UnknownNameError, match="did you mean '"):
        cells.spec(name)


@pytest.mark.parametrize("name", [*cells.list_specs(), *cells.list_baselines()])
def test_one_reader_reads_all_kinds(name: str) -> None:
    for spec in (cells.spec(name), cells.spec(f"{name}.float")):
        assert cells.spec_from_json(spec.to_json()) == spec


@pytest.mark.parametrize("kind", ["null", "3", "[]", '"vgg"'])
def test_other_kinds_are_refused(kind: str) -> None:
    with pytest.raises(
        SpecError, match=r"must be one of \('bnas', 'darts', 'resnet', 'graph', 'float'"
    ):
        cells.spec_from_json(f'{{"kind": {kind}}}')
