"""Answers by Ray Data: many photos, classified by actors on whichever machines a cluster has.

The machines see the same photos; the network travels to them. The answers come back here, where
they are written as those of one machine are.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click
import numpy as np

from bnas.tools.extras import require
from bnas.tools.ray_cluster import join_cluster

if TYPE_CHECKING:
    from bnas.zoo import ImageError, PackedNetwork
    from bnas.zoo.answer_file import Answer
    from bnas.zoo.answering import AnsweringOptions, Classify

#: Network, what the answers call it, and how photos are classified.
_Given = tuple["PackedNetwork", str, "AnsweringOptions"]

#: Batches that come back together: fewer, and Ray would be busy with the blocks themselves.
_BATCHES_A_BLOCK = 8


class Classifier:
    """An actor: gets the network once, then classifies batch after batch on one processor."""

    def __init__(self, *given: Any) -> None:
        self._given: _Given = cast("_Given", given)  # Ray passes them on one by one.

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return a JSON document for each photo: its answer, or why there is none.

        Args:
            batch: ``photo``: paths as bytes (N,); ``number``: integers (N,), which are returned.
        """
        from bnas.zoo.answer_file import Answer
        from bnas.zoo.answering import classified

        network, model, options = self._given
        photos = {
            str(number): Path(os.fsdecode(path)) for number, path in enumerate(batch["photo"])
        }
        found = [each for part in classified(network, photos, model, options) for each in part]
        told = [
            {"top": each.to_dict()["top"]} if isinstance(each, Answer) else {"error": str(each)}
            for each in found
        ]
        return {"number": batch["number"], "found": np.array([json.dumps(each) for each in told])}


def classify_on_ray(network: PackedNetwork, model: str, options: AnsweringOptions) -> Classify:
    """Return what has photos classified by Ray's cluster, for `answer_photos`.

    Args:
        network: The network.
        model: What the answers call it.
        options: Classes to tell, photos of a batch; each actor has one processor.

    Raises:
        click.ClickException: Ray Data is not installed; later, that the work cannot be done there.
    """
    require("predict --engine ray", "ray.data")
    import attrs

    from bnas.zoo import PackedNetwork

    # Without the compiled programs, which belong to this process.
    bare = PackedNetwork(network.spec, network.parameters, network.card)
    each = attrs.evolve(options, readers=1, threads=1)

    def classify(photos: Mapping[str, Path]) -> Iterator[Sequence[Answer | ImageError]]:
        if not photos:
            return
        # Ray 2.60 calls it an error that Ray Data passes actors what they need as it does.
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        with join_cluster() as cluster:
            batches = -(-len(photos) // each.batch_size)
            actors = max(min(sum(cluster.processors), batches), 1)
            yield from _found(list(photos.items()), (bare, model, each), actors)

    return classify


def _found(
    photos: Sequence[tuple[str, Path]], given: _Given, actors: int
) -> Iterator[Sequence[Answer | ImageError]]:
    import ray
    from ray.data import ActorPoolStrategy, DataContext

    from bnas.zoo import ImageError
    from bnas.zoo.answer_file import Answer

    _, model, options = given
    DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    # Absolute, as actors have other working directories; bytes, as names need not be text.
    rows = [
        {"number": number, "photo": os.fsencode(path.absolute())}
        for number, (_, path) in enumerate(photos)
    ]
    blocks = max(-(-len(rows) // (options.batch_size * _BATCHES_A_BLOCK)), min(actors, len(rows)))
    answers = ray.data.from_items(rows, override_num_blocks=blocks).map_batches(
        Classifier,
        fn_constructor_args=given,
        batch_size=options.batch_size,
        compute=ActorPoolStrategy(min_size=1, max_size=actors),
        num_cpus=1,
    )
    try:
        for batch in answers.iter_batches(batch_size=None):
            found: list[Answer | ImageError] = []
            for number, text in zip(batch["number"], batch["found"], strict=True):
                (name, path), told = photos[number], json.loads(text)
                if "error" in told:
                    told_of = told["error"].replace(str(path.absolute()), str(path))
                    found.append(ImageError(told_of, path=path))
                else:
                    found.append(Answer.from_dict({"path": name, "model": model, **told}))
            yield found
    except ray.exceptions.RayError as error:
        raise click.ClickException(
            f"Ray could not classify the photos: {_reason(str(error))}"
        ) from error


def _reason(text: str) -> str:
    """Return the last error in a text of Ray's that is not one of its own, else its first line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["it does not say why"]
    errors = [line for line in lines if re.match(r"(?!ray\.)[\w.]+: ", line)]
    return errors[-1] if errors else lines[0]
