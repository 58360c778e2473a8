"""What a user of `bnas.search` writes, and the types that it has."""

from __future__ import annotations

from pathlib import Path
from typing import assert_type

import torch
from torch import Tensor

from bnas import cells, search
from bnas.cells.nn import Network


def data(folder: str) -> search.TrainingData:
    """Read images."""
    images = search.read_images(search.unpack_sample(folder), skip_corrupt=True)
    assert_type(images, search.ImageSet)
    assert_type(images.images, Tensor)
    few = search.take_balanced(images, 100, seed=0)
    assert_type(search.load_training_data(folder, holdout=10), search.TrainingData)
    return search.TrainingData(few, few, normalization=search.CIFAR)


def tell(metrics: search.StepMetrics | search.EpochMetrics) -> None:
    """Print how a training goes."""
    assert_type(metrics.loss, float)


def train(out: Path) -> float:
    """Train a network, look at it."""
    images = data("images")
    recipe = search.changed(search.load_recipe(search.list_recipes()[0]), ["epochs=1"])
    assert_type(recipe, search.Recipe)
    spec = cells.spec("BNAS-Mini")
    options = search.RunOptions(device="cpu", gradient_log=True)
    recipe = search.fit_to_budget(spec, recipe, images, out, 60.0, options)
    result = search.train(spec, recipe, images, out, options=options, progress=tell)
    assert_type(result, search.TrainResult)
    assert_type(result.network, Network)
    search.round_real_parameters_(result.network)
    accuracy = search.evaluate(search.load_network(out), images.holdout, search.IMAGENET)
    assert_type(accuracy, search.Accuracy)
    search.load_checkpoint(result.checkpoint)
    error = search.quantization_error(result.network, images.holdout, images.normalization)
    assert_type(error, search.QuantizationError)
    assert_type(error.cells, tuple[search.CellError, ...])
    assert_type(error.layers, tuple[search.LayerError, ...])
    return accuracy.top1


def draw(run: str, result: search.TrainResult, out: Path) -> None:
    """Draw a training."""
    history = search.read_gradients(run)
    assert_type(history, search.GradientHistory)
    search.draw_gradients({"run": history}, out, epoch=history.epochs[-1])
    search.animate_gradients({"runs": [history, history]}, out, frame_ms=100)
    search.draw_runs({"BNAS-Mini": [result.history]}, out, chance=0.1)


def trials(recipe: search.Recipe, images: search.TrainingData) -> list[str]:
    """Train several."""
    wanted = [search.Trial("one", cells.spec("resnet18"), recipe)]
    results = search.run_trials(wanted, images, "runs", workers=2)
    assert_type(results, tuple[search.TrialResult, ...])
    return [each.outcome for each in results]


def find(images: search.ImageSet, normal: Tensor, reduce: Tensor) -> cells.Genotype:
    """Search cells, with the loop or by hand."""
    recipe = search.load_search_recipe(search.list_search_recipes()[0])
    recipe = search.changed_search(recipe, ["epochs=2"])
    assert_type(recipe, search.SearchRecipe)
    options = search.SearchOptions(report=True)
    result = search.search_cells(recipe, images, "found", options=options)
    assert_type(result, search.SearchResult)
    assert_type(result.history, tuple[search.SearchEpoch, ...])
    supernet = search.Supernet(search.SearchSpace(cells=4))
    loss = torch.nn.functional.cross_entropy(supernet(images.images), images.labels)
    assert_type(search.search_objective(loss, normal, reduce, 1.0), Tensor)
    assert_type(search.mean_entropy(normal, reduce), float)
    assert_type(search.discretize(normal, reduce, zeroise_gamma=3.0), cells.Genotype)
    return result.genotypes[1]


def fails(out: str) -> str:
    """Say why there is no such training."""
    try:
        return str(search.load_checkpoint(out))
    except (search.ExplosionError, search.DivergenceError, search.OutOfMemoryError) as error:
        return str(error)
    except (search.CheckpointError, search.DataError, search.RecipeError) as error:
        return str(error)
    except (search.RecordError, search.SearchSpaceError, search.ArchParamsError) as error:
        return str(error)
    except (search.WorkerError, search.MissingExtraError, search.SearchError) as error:
        return str(error)


def normalised(of: search.Normalization) -> tuple[float, ...]:
    """Say by what images are normalised."""
    return of.mean
