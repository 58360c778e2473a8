"""Training, and in later versions the search, of binary networks."""

from bnas.search.checkpoint import load_checkpoint
from bnas.search.data import (
    CIFAR,
    IMAGENET,
    ImageSet,
    Normalization,
    TrainingData,
    load_training_data,
    read_images,
)
from bnas.search.discretize import discretize, mean_entropy
from bnas.search.errors import (
    ArchParamsError,
    CheckpointError,
    DataError,
    DivergenceError,
    RecipeError,
    SearchError,
)
from bnas.search.evaluate import Accuracy, evaluate
from bnas.search.history import EpochMetrics, StepMetrics
from bnas.search.recipe import Recipe, list_recipes, load_recipe
from bnas.search.rounding import round_real_parameters_
from bnas.search.trainer import TrainResult, train

__all__ = [
    "CIFAR",
    "IMAGENET",
    "Accuracy",
    "ArchParamsError",
    "CheckpointError",
    "DataError",
    "DivergenceError",
    "EpochMetrics",
    "ImageSet",
    "Normalization",
    "Recipe",
    "RecipeError",
    "SearchError",
    "StepMetrics",
    "TrainResult",
    "TrainingData",
    "discretize",
    "evaluate",
    "list_recipes",
    "load_checkpoint",
    "load_recipe",
    "load_training_data",
    "mean_entropy",
    "read_images",
    "round_real_parameters_",
    "train",
]
