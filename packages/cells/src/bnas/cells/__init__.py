"""Genotypes, network specifications, the one graph, and its readers: cost, drawing, torch modules.

`bnas.cells.nn` (torch) and `bnas.cells.draw` (matplotlib) are imported on demand.
"""

from bnas.cells.cost import CostReport, cost
from bnas.cells.darts import DartsSpec
from bnas.cells.errors import CellsError, GenotypeError, GraphError, SpecError, UnknownNameError
from bnas.cells.family import changed, list_baselines, list_specs, name_of, spec
from bnas.cells.genotype import Genotype, genotypes
from bnas.cells.graph import Graph
from bnas.cells.graph_spec import GraphSpec
from bnas.cells.layer_cost import LayerCost
from bnas.cells.lower import lower
from bnas.cells.normalization import NORMALIZATIONS, Normalization
from bnas.cells.primitives import (
    BATS_PRIMITIVES,
    DARTS_PRIMITIVES,
    PRIMITIVES,
    Primitive,
    primitive,
)
from bnas.cells.prune import prune, zero_channels
from bnas.cells.resnet import ResNetSpec
from bnas.cells.spec import NetworkSpec
from bnas.cells.specification import Spec, spec_from_json
from bnas.cells.twin import FloatTwin, float_twin

__all__ = [
    "BATS_PRIMITIVES",
    "DARTS_PRIMITIVES",
    "NORMALIZATIONS",
    "PRIMITIVES",
    "CellsError",
    "CostReport",
    "DartsSpec",
    "FloatTwin",
    "Genotype",
    "GenotypeError",
    "Graph",
    "GraphError",
    "GraphSpec",
    "LayerCost",
    "NetworkSpec",
    "Normalization",
    "Primitive",
    "ResNetSpec",
    "Spec",
    "SpecError",
    "UnknownNameError",
    "changed",
    "cost",
    "float_twin",
    "genotypes",
    "list_baselines",
    "list_specs",
    "lower",
    "name_of",
    "primitive",
    "prune",
    "spec",
    "spec_from_json",
    "zero_channels",
]
