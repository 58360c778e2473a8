"""`take_balanced`: a part of an image set in which every class is as frequent as every other."""

from __future__ import annotations

import torch

from bnas.search.errors import DataError
from bnas.search.image_set import ImageSet
from bnas.search.randomness import generator


def take_balanced(images: ImageSet, count: int, seed: int = 0) -> ImageSet:
    """Return so many images, as many of each class, chosen by a seeded permutation.

    Args:
        images: What to choose from.
        count: Of all classes together; if it is no multiple of their number, some classes, chosen
            by the seed, have one image more.
        seed: Of the choice, >= 0; a larger `count` with the same seed holds the same images and
            more.

    Returns:
        The images, copied, in an order in which any first part is as balanced as it can be.

    Raises:
        DataError: A class has too few images; it is named. Or `count` or `seed` is outside its
            range.
    """
    for name, value, least in (("count", count, 1), ("seed", seed, 0)):
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise DataError(f"`{name}` must be an integer >= {least} (got {value!r})")
    source = generator(seed, "balanced")
    order = torch.randperm(len(images), generator=source)
    labels = images.labels.cpu()[order]
    classes = torch.randperm(len(images.classes), generator=source).tolist()
    own = [order[labels == label] for label in classes]
    fewest = min(own, key=len)
    rounds = -(-count // len(classes))
    wanted = [rounds - (place >= count - (rounds - 1) * len(classes)) for place in range(len(own))]
    for label, found, least in zip(classes, own, wanted, strict=True):
        if len(found) < least:
            raise DataError(
                f"`count` must be at most {len(fewest) * len(classes)} for classes of one size "
                f"(got {count}: {least} of the class {images.classes[label]!r}, which has "
                f"{len(found)})"
            )
    # Round by round one image of each class.
    turns = [each[place] for place in range(rounds) for each in own if place < len(each)]
    return images.take(torch.stack(turns[:count]).to(images.labels.device))
