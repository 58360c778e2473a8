"""What must hold of network, recipe, images and options before a run can begin."""

from __future__ import annotations

from bnas.cells import GraphError, Spec
from bnas.search.errors import DataError, RecipeError
from bnas.search.image_set import TrainingData
from bnas.search.options import RunOptions
from bnas.search.recipe import Recipe

#: Of square images, or height and width; in pixels.
Side = int | tuple[int, int]


def check_conditions(spec: Spec, recipe: Recipe, data: TrainingData, options: RunOptions) -> None:
    """Refuse what cannot be trained, before anything is written or computed.

    Args:
        spec: The network.
        recipe: How to train it.
        data: What to train it on.
        options: Name the teacher.

    Raises:
        DataError: Fewer images than a batch, other classes than the network's, or held-out images
            of another size or of classes of other names.
        RecipeError: The network cannot take images of one of the sizes to be trained at, or there
            is a teacher without a weight or a weight without a teacher.
    """
    _check_data(spec, recipe, data)
    _check_sides(spec, recipe, data)
    _check_teacher(recipe, options)


def sides_of(recipe: Recipe, data: TrainingData) -> list[Side]:
    """Return the sizes of images at which a network is trained, in order."""
    height, width = data.train.images.shape[-2:]
    return [side for _, side in recipe.resolutions] or [(int(height), int(width))]


def _check_data(spec: Spec, recipe: Recipe, data: TrainingData) -> None:
    if len(data.train) < recipe.batch_size:
        raise DataError(
            f"`batch_size` must be at most the number of training images "
            f"(got batch_size={recipe.batch_size}, {len(data.train)} images)"
        )
    for name, images in (("train", data.train), ("holdout", data.holdout)):
        if len(images.classes) != spec.num_classes:
            raise DataError(
                f"`data.{name}` must have as many classes as the network "
                f"(got {len(images.classes)} classes, num_classes={spec.num_classes})"
            )
    for index, names in enumerate(zip(data.train.classes, data.holdout.classes, strict=True)):
        if names[0] != names[1]:
            raise DataError(
                "`data.holdout` must have the classes of `data.train` in the same order "
                f"(got {names[1]!r} and {names[0]!r} as class {index}, from 0)"
            )


def _check_sides(spec: Spec, recipe: Recipe, data: TrainingData) -> None:
    sizes = [tuple(images.images.shape[-2:]) for images in (data.train, data.holdout)]
    if sizes[0] != sizes[1]:
        raise DataError(
            f"`data.holdout` must have images of the size of `data.train` (got {sizes[1]} and "
            f"{sizes[0]} pixels)"
        )
    graph = spec.lower()
    for size in sides_of(recipe, data):
        try:
            graph.shapes(size)
        except GraphError as error:
            raise RecipeError(
                f"the network cannot take images of {size} pixels, at which it is to be trained; "
                f"change `resolutions` ({error})"
            ) from error


def _check_teacher(recipe: Recipe, options: RunOptions) -> None:
    if bool(recipe.distillation_weight) != (options.teacher is not None):
        raise RecipeError(
            "`distillation_weight` > 0 and a teacher go together "
            f"(got distillation_weight={recipe.distillation_weight}, teacher={options.teacher})"
        )
