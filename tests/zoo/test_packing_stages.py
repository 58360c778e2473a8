from __future__ import annotations

from typing import Any

import pytest

from bnas import cells, zoo
from bnas.cells.nn import Network

SPEC = cells.NetworkSpec(genotype=cells.genotypes["bnas-cifar10"], num_cells=2, channels=4)


@pytest.mark.parametrize("binarize", ["activations", "none"])
def test_stages_and_twins_are_not_packed(binarize: Any) -> None:
    network = Network(SPEC, binarize=binarize)
    with pytest.raises(zoo.ParametersError, match=f"got binarize='{binarize}'"):
        zoo.pack(network)
    final = {
        "spec": SPEC.to_json(),
        "model": network.state_dict(),
        "recipe": {"binarize": binarize},
    }
    with pytest.raises(zoo.ParametersError, match="binary throughout"):
        zoo.pack(final)


def test_a_binary_network_of_an_older_recipe_is_packed() -> None:
    final = {"spec": SPEC.to_json(), "model": Network(SPEC).state_dict(), "recipe": {"epochs": 1}}
    assert zoo.pack(final).spec == SPEC
