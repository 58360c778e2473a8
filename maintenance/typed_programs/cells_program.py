"""What a user of `bnas.cells` writes, and the types that it has."""

from __future__ import annotations

from typing import assert_type

import torch
from torch import Tensor

from bnas import cells
from bnas.cells import nn


def networks(name: str) -> tuple[cells.Spec, ...]:
    """Name, change, write and read specifications."""
    published = cells.spec("BNAS-A", num_classes=200)
    assert_type(published, cells.NetworkSpec)
    assert_type(published.genotype, cells.Genotype)
    assert_type(published.lower(), cells.Graph)
    assert_type(cells.lower(published), cells.Graph)
    assert_type(cells.changed(published, skip="none"), cells.NetworkSpec)
    assert_type(cells.spec(name), cells.Spec)
    assert_type(cells.name_of(published), str)
    assert_type(cells.genotypes["bnas-cifar10"], cells.Genotype)
    twin = cells.FloatTwin(published)
    own = cells.GraphSpec(graph=cells.prune(published.lower()))
    others = cells.DartsSpec(genotype=published.genotype), cells.ResNetSpec(blocks=(2, 2))
    return twin, own, *others, cells.spec_from_json(twin.to_json()), *map(cells.spec, names())


def names() -> tuple[str, ...]:
    """List what there is."""
    assert_type(cells.primitive("bin_conv_3x3"), cells.Primitive)
    known = [*cells.PRIMITIVES, *cells.DARTS_PRIMITIVES, *cells.BATS_PRIMITIVES]
    return *cells.list_specs(), *cells.list_baselines(), *known


def costs(spec: cells.Spec) -> float:
    """Count a network."""
    report = cells.cost(spec, input_size=32, rule="deployed")
    assert_type(report, cells.CostReport)
    assert_type(report.layers, tuple[cells.LayerCost, ...])
    assert_type(cells.zero_channels(cells.float_twin(spec.lower())), dict[str, tuple[bool, ...]])
    assert_type(cells.NORMALIZATIONS["cifar"], cells.Normalization)
    return report.memory_saving


def train(spec: cells.Spec, images: Tensor) -> dict[str, Tensor]:
    """Make a trainable network."""
    network = nn.Network(spec)
    assert_type(nn.binarize_activation(images), Tensor)
    assert_type(nn.convolve(images, torch.ones(4, 3, 3, 3), 1, 1, 1, 1), Tensor)
    assert_type(network.graph, cells.Graph)
    return network.trace(images)


def fails(name: str) -> str:
    """Say why there is no such network."""
    try:
        return cells.spec(name).to_json()
    except cells.UnknownNameError as error:
        return ", ".join(error.known)
    except (cells.SpecError, cells.GenotypeError, cells.GraphError, cells.CellsError) as error:
        return str(error)
