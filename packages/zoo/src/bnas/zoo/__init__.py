"""Pretrained binary networks that run packed, without torch.

`load` a model by name and ask it; `pack` a network of your own; `import_official` the authors'
checkpoints.
"""

from bnas.zoo.cards import Card
from bnas.zoo.errors import (
    AnswersError,
    ChecksumError,
    ImageError,
    ImagesError,
    OfficialImportError,
    OfflineError,
    ParametersError,
    UnknownModelError,
    UntrainedModelError,
    WeightsFileError,
    WeightsNotFoundError,
    ZooError,
)
from bnas.zoo.index import card, list_models
from bnas.zoo.loading import DEFAULT_MODEL, load, load_file
from bnas.zoo.network import PackedNetwork, Prediction
from bnas.zoo.official import import_official
from bnas.zoo.packing import pack
from bnas.zoo.preprocessing import Preprocessing

__all__ = [
    "DEFAULT_MODEL",
    "AnswersError",
    "Card",
    "ChecksumError",
    "ImageError",
    "ImagesError",
    "OfficialImportError",
    "OfflineError",
    "PackedNetwork",
    "ParametersError",
    "Prediction",
    "Preprocessing",
    "UnknownModelError",
    "UntrainedModelError",
    "WeightsFileError",
    "WeightsNotFoundError",
    "ZooError",
    "card",
    "import_official",
    "list_models",
    "load",
    "load_file",
    "pack",
]
