"""What a user of `bnas.zoo` writes, and the types that it has."""

from __future__ import annotations

from typing import assert_type

import numpy as np
from numpy.typing import NDArray

from bnas import cells, zoo


def classify(photo: str, images: NDArray[np.float32]) -> list[str]:
    """Load a network, ask it."""
    model = zoo.load()
    assert_type(zoo.load("BNAS-A"), zoo.PackedNetwork)
    assert_type(model.predict(photo, top=3), tuple[zoo.Prediction, ...])
    assert_type(model(images), NDArray[np.float32])
    assert_type(model.preprocessing, zoo.Preprocessing)
    assert_type(model.card, zoo.Card | None)
    assert_type(model.spec, cells.Spec)
    return [f"{answer.label} {100 * answer.confidence:.1f} %" for answer in model.predict(photo)]


def models() -> dict[str, float | None]:
    """List the networks with their accuracies."""
    assert_type(zoo.card(zoo.DEFAULT_MODEL), zoo.Card)
    return {name: zoo.card(name).top1 for name in zoo.list_models(trained=True)}


def keep(checkpoint: str, out: str) -> None:
    """Pack a checkpoint, of ours or of the authors."""
    packed = zoo.pack(checkpoint)
    assert_type(packed, zoo.PackedNetwork)
    packed.save(out)
    assert_type(zoo.load_file(out), zoo.PackedNetwork)
    assert_type(zoo.import_official(checkpoint, "BNAS-D"), zoo.PackedNetwork)


def fails(name: str) -> str:
    """Say why there is no such network, or why it cannot be had."""
    try:
        return repr(zoo.load(name))
    except (zoo.UnknownModelError, zoo.UntrainedModelError, zoo.WeightsNotFoundError) as error:
        return str(error)
    except (zoo.OfflineError, zoo.ChecksumError, zoo.WeightsFileError) as error:
        return str(error)
    except (zoo.ImageError, zoo.ImagesError, zoo.AnswersError, zoo.ParametersError) as error:
        return str(error)
    except (zoo.OfficialImportError, zoo.ZooError) as error:
        return str(error)
