"""Search and training of binary networks."""

from bnas.cells import Normalization
from bnas.search.architecture.history import SearchEpoch
from bnas.search.architecture.options import SearchOptions
from bnas.search.architecture.recipe import (
    SearchRecipe,
    changed_search,
    list_search_recipes,
    load_search_recipe,
)
from bnas.search.architecture.search import SearchResult, search_cells
from bnas.search.balance import take_balanced
from bnas.search.budget import fit_to_budget
from bnas.search.checkpoint import load_checkpoint
from bnas.search.discretize import discretize, mean_entropy
from bnas.search.errors import (
    ArchParamsError,
    CheckpointError,
    DataError,
    DivergenceError,
    ExplosionError,
    MissingExtraError,
    OutOfMemoryError,
    RecipeError,
    RecordError,
    SearchError,
    SearchSpaceError,
    WorkerError,
)
from bnas.search.evaluate import Accuracy, evaluate
from bnas.search.gradient_history import GradientHistory, read_gradients
from bnas.search.gradient_pictures import animate_gradients, draw_gradients
from bnas.search.history import EpochMetrics, StepMetrics
from bnas.search.image_set import (
    CIFAR,
    IMAGENET,
    ImageSet,
    TrainingData,
)
from bnas.search.options import RunOptions
from bnas.search.origin import load_network
from bnas.search.quantization import quantization_error
from bnas.search.quantization_records import CellError, LayerError, QuantizationError
from bnas.search.reading import load_training_data, read_images
from bnas.search.recipe import Recipe, changed, list_recipes, load_recipe
from bnas.search.rounding import round_real_parameters_
from bnas.search.run_curves import draw_runs
from bnas.search.sample import unpack_sample
from bnas.search.supernet import SearchSpace, Supernet, search_objective
from bnas.search.trainer import TrainResult, train
from bnas.search.trials import Trial, TrialResult, run_trials

__all__ = [
    "CIFAR",
    "IMAGENET",
    "Accuracy",
    "ArchParamsError",
    "CellError",
    "CheckpointError",
    "DataError",
    "DivergenceError",
    "EpochMetrics",
    "ExplosionError",
    "GradientHistory",
    "ImageSet",
    "LayerError",
    "MissingExtraError",
    "Normalization",
    "OutOfMemoryError",
    "QuantizationError",
    "Recipe",
    "RecipeError",
    "RecordError",
    "RunOptions",
    "SearchEpoch",
    "SearchError",
    "SearchOptions",
    "SearchRecipe",
    "SearchResult",
    "SearchSpace",
    "SearchSpaceError",
    "StepMetrics",
    "Supernet",
    "TrainResult",
    "TrainingData",
    "Trial",
    "TrialResult",
    "WorkerError",
    "animate_gradients",
    "changed",
    "changed_search",
    "discretize",
    "draw_gradients",
    "draw_runs",
    "evaluate",
    "fit_to_budget",
    "list_recipes",
    "list_search_recipes",
    "load_checkpoint",
    "load_network",
    "load_recipe",
    "load_search_recipe",
    "load_training_data",
    "mean_entropy",
    "quantization_error",
    "read_gradients",
    "read_images",
    "round_real_parameters_",
    "run_trials",
    "search_cells",
    "search_objective",
    "take_balanced",
    "train",
    "unpack_sample",
]
