"""Genotypes, network specifications, the one graph, and its readers: cost, drawing, torch modules.

`bnas.cells.nn` (torch) and `bnas.cells.draw` (matplotlib) are imported on demand.
"""

from bnas.cells.cost import CostReport, LayerCost, cost
from bnas.cells.errors import CellsError, GenotypeError, GraphError, SpecError, UnknownNameError
from bnas.cells.family import list_specs, spec
from bnas.cells.genotype import Genotype, genotypes
from bnas.cells.graph import Graph
from bnas.cells.lower import lower
from bnas.cells.normalization import NORMALIZATIONS, Normalization
from bnas.cells.primitives import PRIMITIVES, Primitive, primitive
from bnas.cells.prune import prune, zero_channels
from bnas.cells.spec import NetworkSpec

__all__ = [
    "NORMALIZATIONS",
    "PRIMITIVES",
    "CellsError",
    "CostReport",
    "Genotype",
    "GenotypeError",
    "Graph",
    "GraphError",
    "LayerCost",
    "NetworkSpec",
    "Normalization",
    "Primitive",
    "SpecError",
    "UnknownNameError",
    "cost",
    "genotypes",
    "list_specs",
    "lower",
    "primitive",
    "prune",
    "spec",
    "zero_channels",
]
