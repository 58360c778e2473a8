"""`publish`: from a finished training to weights, card and index entry of the zoo."""

from __future__ import annotations

import os
from pathlib import Path

import attrs
from attrs import frozen

from bnas.zoo.atomic_file import put_back_on_failure
from bnas.zoo.cache import untrained
from bnas.zoo.counts import Counts
from bnas.zoo.errors import ParametersError, WeightsIndexError
from bnas.zoo.evaluate import Progress, evaluate
from bnas.zoo.index import (
    INDEX_PATH,
    Entry,
    Home,
    Index,
    entry_for_file,
    read_index,
    register,
    weights_path,
    write_index,
)
from bnas.zoo.latency import measure_latency
from bnas.zoo.loading import load_file
from bnas.zoo.packing import pack


@frozen(kw_only=True)
class Provenance:
    """What a card says about a training that the checkpoint does not know.

    Attributes:
        tag: Which weights of the model these are, lower case.
        version: Version of the weights of this tag.
        dataset: What it was trained and measured on.
        recipe: Name of the recipe.
        licence: Licence of the weights.
        notes: What else one should know.
    """

    tag: str
    dataset: str
    recipe: str
    version: str = "1"
    licence: str = "Apache-2.0"
    notes: str = ""


def publish(
    checkpoint: str | os.PathLike[str],
    model: str,
    test_directory: str | os.PathLike[str],
    provenance: Provenance,
    *,
    home: Home = "weights",
    default: bool = True,
    machine: str | None = None,
    index_path: Path = INDEX_PATH,
    progress: Progress | None = None,
) -> Entry:
    """Pack a checkpoint, measure it on the test images, and enter it into a checkout's index.

    Real parameters are rounded to float16, and what is measured is the packed network with these
    very numbers: the card's accuracy is that of the file.

    Args:
        checkpoint: The final checkpoint of `bnas.search.train`.
        model: The model's name in the index, such as ``"BNAS-Mini"``.
        test_directory: The test images, one folder a class; read once.
        provenance: What else the card says.
        home: ``"wheel"`` to travel inside the package, ``"weights"`` for the checkout's folder.
        default: The model's name alone means these weights from now on.
        machine: Name of this machine, beside the latency on the card; None for its processor's.
        index_path: The index to change.
        progress: Called while measuring.

    Returns:
        The new entry.

    Raises:
        ParametersError: No final checkpoint, or one of another network.
        CardError: A machine's name that is none or too long.
        EvaluationError: The test images do not fit the model's classes.
        WeightsIndexError: The index lies in no checkout, or has weights of this tag and version.
        SaveError: A file cannot be written.
    """
    from bnas.zoo.torch_bridge import read_checkpoint

    content = read_checkpoint(checkpoint)
    recipe = content.get("recipe") if isinstance(content, dict) else None
    if not isinstance(recipe, dict) or "epochs" not in recipe or "seed" not in recipe:
        raise ParametersError(
            f"{os.fspath(checkpoint)!r} must be the final checkpoint of a training: it states no "
            "`recipe` with `epochs` and `seed`"
        )
    index = read_index(index_path)
    _check_new(index, model, provenance, index_path)
    card = attrs.evolve(
        index.find(model).card,
        trained=True,
        epochs=recipe["epochs"],
        seed=recipe["seed"],
        measured_with="packed Program",
        sha256=None,
        size_bytes=None,
        **attrs.asdict(provenance),
    )
    path = weights_path(f"{card.full_name}.safetensors", home, index_path)
    network = pack(content, real_dtype="float16", card=card)
    latency = measure_latency(network, machine=machine)
    result = evaluate(network, test_directory, progress=progress)
    network.card = attrs.evolve(
        card,
        top1=round(result.top1, 2),
        top5=round(result.top5, 2),
        float_size_bytes=network.float_bytes,
        counts=Counts.of(network.spec),
        latency=latency,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    # The name has no version in it: this may be the file of an older one, which the index means
    # until it is written.
    with put_back_on_failure(path):
        network.save(path)
        entry = entry_for_file(path, network.card, home=home)
        register(entry, default=default, index_path=index_path)
    return entry


def _check_new(index: Index, model: str, provenance: Provenance, index_path: Path) -> None:
    name = index.find(model).card.name
    same = (name, provenance.tag, provenance.version)
    if any((e.card.name, e.card.tag, e.card.version) == same for e in index.entries):
        raise WeightsIndexError(
            f"{name}.{provenance.tag} version {provenance.version} is in the zoo already: other "
            "weights of this tag need another version",
            path=index_path,
        )


def publish_latency(
    model: str, *, machine: str | None = None, index_path: Path = INDEX_PATH
) -> Entry:
    """Measure a model's latency on this machine and write it on the card in a checkout's index.

    The weights file is not changed: its own card keeps what was measured when it was published.

    Args:
        model: ``"BNAS-A"``, or ``"BNAS-A.tag"`` for other weights than the default ones.
        machine: Name of this machine; None for that of its processor.
        index_path: The index to change.

    Returns:
        The entry with its new card.

    Raises:
        UnknownModelError: The index has no such model.
        UntrainedModelError: There is nothing to measure.
        WeightsFileError: The weights are missing, damaged, or others than those meant.
        CardError: A machine's name that is none or too long.
        SaveError: The index cannot be written.
    """
    index = read_index(index_path)
    entry = index.find(model)
    if not entry.card.trained:
        raise untrained(entry)
    path = weights_path(str(entry.file), entry.home, index_path)
    network = load_file(path, expected=entry.card.sha256)
    card = attrs.evolve(entry.card, latency=measure_latency(network, machine=machine))
    return write_index(index.with_card(card), index_path).find(card.full_name)
