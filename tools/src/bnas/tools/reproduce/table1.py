"""Table 1 of the supplement: the nine configurations, with what is counted of each."""

from __future__ import annotations

from typing import Any

from bnas import cells
from bnas.cells import nodes
from bnas.tools.reproduce import published
from bnas.tools.reproduce.context import Context
from bnas.tools.reproduce.section import Section, Table, Verdict

#: Which zeroise_gamma found the cells of this name (ECCV 2020 BNAS, Eq. 5; see `cells.genotypes`).
_GAMMA_OF_CELLS = {"bnas-cifar10": 1, "bnas-imagenet": 3}
_DATASETS = {"cifar": "CIFAR-10", "imagenet": "ImageNet"}

_FIRST = "channels of the first convolution"
_COLUMNS = (
    "network",
    "data set",
    "data set, published",
    "cells",
    "cells, published",
    "channels",
    "channels, published",
    "γ",
    "γ, published",
    _FIRST,
    "parameters",
    "of them 1-bit weights",
    "binary MACs",
    "real MACs",
    "top-1, published, %",
    "top-5, published, %",
    "source of the accuracy",
)
#: Columns of the page; the CSV file has all.
_SHOWN = (*_COLUMNS[:2], *_COLUMNS[3:-1])


def table1(context: Context) -> Section:
    """Return the configurations as the specifications have them, beside the published ones.

    Args:
        context: Of the reproduction.
    """
    context.tell("counting the nine networks")
    rows = tuple(_row(name) for name in published.TABLE_1)
    differing = [str(row[0]) for row in rows if not _agrees(row)]
    return Section(
        target="table1",
        title="Table 1: the nine configurations",
        claim="BNAS-Mini and A to H are stacks of the two published cells that differ in the "
        "number of cells and of channels (Section 2, Table 1).",
        verdict=_verdict(len(rows), len(differing)),
        finding=_finding(rows, differing),
        parts=(
            Table(
                "table1",
                _COLUMNS,
                rows,
                "Configurations of the specifications beside the published ones; parameters and "
                "multiply-accumulates (MACs) for one image are counted on the graph of each "
                "network before pruning.",
                _SHOWN,
            ),
        ),
    )


def _row(name: str) -> tuple[Any, ...]:
    spec, told = cells.spec(name), published.TABLE_1[name]
    assert isinstance(spec, cells.NetworkSpec)
    report = cells.cost(spec)
    return (
        name,
        _DATASETS[spec.template],
        told.dataset,
        spec.num_cells,
        told.cells,
        spec.channels,
        told.channels,
        _gamma(spec),
        told.zeroise_gamma,
        _first_convolution(spec).out_channels,
        report.params,
        report.binary_params,
        report.binary_macs,
        report.real_macs,
        told.top1,
        told.top5,
        told.source or None,
    )


def _gamma(spec: cells.NetworkSpec) -> int | None:
    for name, gamma in _GAMMA_OF_CELLS.items():
        if cells.genotypes[name] == spec.genotype:
            return gamma
    return None


def _first_convolution(spec: cells.NetworkSpec) -> nodes.Conv:
    return next(node for node in spec.lower() if isinstance(node, nodes.Conv))


def _agrees(row: tuple[Any, ...]) -> bool:
    values = dict(zip(_COLUMNS, row, strict=True))
    pairs = ("data set", "cells", "channels", "γ")
    return all(values[column] == values[f"{column}, published"] for column in pairs)


def _verdict(total: int, differing: int) -> Verdict:
    if not differing:
        return "reproduced"
    return "in part" if differing < total else "not reproduced"


def _finding(rows: tuple[tuple[Any, ...], ...], differing: list[str]) -> str:
    if differing:
        text = f"The specifications of {', '.join(differing)} are not as published. "
    else:
        text = (
            f"All {len(rows)} specifications have the published cells, channels, γ and data set. "
        )
    name, channels, first = (_COLUMNS.index(column) for column in ("network", "channels", _FIRST))
    other = [row for row in rows if row[channels] != row[first]]
    if other:
        text += (
            "The table explains its channels as those that a network's first convolution outputs; "
            f"in {len(other)} of {len(rows)} networks, as in the authors' code, they are those of "
            f"a node in the first cell: {other[0][channels]} in {other[0][name]}, whose first "
            f"convolution outputs {other[0][first]}."
        )
    return text.strip()
