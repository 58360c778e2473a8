"""`load`: a packed network by name, its weights found and verified."""

from __future__ import annotations

import json
import os

from bnas.cells import CellsError, prune, spec
from bnas.zoo.cache import resolve
from bnas.zoo.checksum import as_path
from bnas.zoo.download import Progress
from bnas.zoo.errors import ParametersError, WeightsFileError
from bnas.zoo.network import PackedNetwork
from bnas.zoo.parameters import Parameters
from bnas.zoo.weights_file import read_weights

#: What `load` and the command line take where no model is named.
DEFAULT_MODEL = "BNAS-Mini"
# Weights of one architecture may differ in these fields of its specification.
_FREE = {"num_classes": None, "real_weight_tail": None}


def load(
    name: str = DEFAULT_MODEL,
    *,
    weights: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> PackedNetwork:
    """Return a pretrained network, ready to answer.

    Args:
        name: ``"BNAS-A"``, or ``"BNAS-A.lean"`` for other weights than the default ones; upper or
            lower case.
        weights: A weights file to take instead of the zoo's; it must be of this architecture.
        progress: Shows a download, such as ``tqdm(unit="B", unit_scale=True)``; by default nothing
            is shown.

    Raises:
        UnknownModelError: The zoo has no such model; the nearest names are listed.
        UntrainedModelError: Nobody has trained this model yet.
        WeightsNotFoundError: The weights are nowhere to be found, or cannot be fetched.
        WeightsFileError: The file is damaged, of another version, or of another architecture.
        ChecksumError: The file is not the one that the index names.
        CacheError: The cache folder cannot be written to.
        SettingError: ``BNAS_WEIGHTS`` is neither a directory nor a URL.
    """
    entry, path = resolve(name, weights, progress=progress)
    network = load_file(path, expected=None if weights is not None else entry.card.sha256)
    if weights is None:
        network.card = entry.card
    else:
        _check_architecture(network, entry.card.architecture, path)
    return network


def load_file(path: str | os.PathLike[str], *, expected: str | None = None) -> PackedNetwork:
    """Return the network that a weights file holds.

    Args:
        path: A file that `PackedNetwork.save` wrote.
        expected: SHA-256 that the file must have; None to take any.

    Raises:
        WeightsFileError: The file is missing, damaged, of another version, or its tensors are not
            those of its specification.
        ChecksumError: The file is not the one expected.
    """
    path = as_path(path, "path")
    header, tensors = read_weights(path, expected=expected)
    if header.spec.num_cells > len(tensors):
        # Each cell has tensors: do not build the graph of a thousand to find that out.
        raise WeightsFileError(
            f"{os.fspath(path)!r} states {header.spec.num_cells} cells and holds "
            f"{len(tensors)} tensors only",
            path=path,
        )
    try:
        parameters = Parameters(prune(header.spec.lower()), tensors)
    except (ParametersError, CellsError) as error:
        raise WeightsFileError(f"{os.fspath(path)!r}: {error}", path=path) from error
    return PackedNetwork(header.spec, parameters, header.card)


def _check_architecture(
    network: PackedNetwork, architecture: str, path: str | os.PathLike[str]
) -> None:
    """Refuse weights of another network; the number of classes and the tail may differ."""
    wanted, found = (
        {**json.loads(each.to_json()), **_FREE} for each in (spec(architecture), network.spec)
    )
    differing = [key for key in {**wanted, **found} if wanted.get(key) != found.get(key)]
    if differing:
        raise WeightsFileError(
            f"{os.fspath(path)!r} holds weights of another architecture than {architecture} "
            f"(different: {', '.join(differing)})",
            path=path,
        )
