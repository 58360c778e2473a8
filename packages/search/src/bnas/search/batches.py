"""`Batches`: the training images, batch by batch, as functions of seed, epoch and step."""

from __future__ import annotations

import torch
from attrs import frozen
from torch import Tensor

from bnas.cells import Normalization
from bnas.search.augmentation import training_batch
from bnas.search.image_set import ImageSet
from bnas.search.mixing import mix
from bnas.search.parallel import Processes
from bnas.search.randomness import generator
from bnas.search.recipe import Recipe


@frozen(eq=False)
class Batches:
    """Draws batches on the device on which the images lie.

    Attributes:
        images: All training images, in the memory of the device.
        normalization: Statistics per colour.
        recipe: Batch size, augmentation and mixing.
        processes: Those that share every batch.
    """

    images: ImageSet
    normalization: Normalization
    recipe: Recipe
    processes: Processes

    @property
    def steps_per_epoch(self) -> int:
        """Steps of every epoch."""
        return len(self.images) // self.recipe.batch_size

    def order(self, epoch: int) -> Tensor:
        """Return the order of the images in an epoch, int64 (N,)."""
        source = generator(self.recipe.seed, "order", epoch)
        order = torch.randperm(len(self.images), generator=source)
        return order.to(self.images.labels.device)

    def draw(self, order: Tensor, epoch: int, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return this process's share of a batch.

        Args:
            order: Of the epoch.
            epoch: From 0.
            step: Within the epoch, from 0.

        Returns:
            Normalised float32 (N, 3, H, W), targets (int64 labels (N,), or float32 (N, classes)
            where images are mixed), and int64 labels (N,).
        """
        recipe = self.recipe
        indices = order[step * recipe.batch_size :][: recipe.batch_size]
        labels = self.images.labels[indices]
        inputs = training_batch(
            self.images.images[indices],
            generator(recipe.seed, "augment", epoch, step),
            recipe.augmentation,
            self.normalization,
            recipe.side_at(epoch),
        )
        targets = labels
        if recipe.mixup_strength or recipe.cutmix_strength:
            inputs, targets = mix(
                inputs,
                labels,
                len(self.images.classes),
                generator(recipe.seed, "mix", epoch, step),
                mixup_strength=recipe.mixup_strength,
                cutmix_strength=recipe.cutmix_strength,
            )
        share = self.processes.share(recipe.batch_size)
        return inputs[share], targets[share], labels[share]
