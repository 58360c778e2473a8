"""bnas-cells alone: a specification, its cost, and the way through JSON and back."""

from __future__ import annotations

from bnas import cells

spec = cells.spec("BNAS-A", num_classes=10)
report = cells.cost(spec, input_size=32, rule="paper")
assert report.params == 5_578_252
assert report.binary_macs == 672_841_728 + 23_887_872

genotype = cells.genotypes["bnas-cifar10"]
assert cells.Genotype.from_json(genotype.to_json()) == genotype
assert type(spec).from_json(spec.to_json()) == spec
