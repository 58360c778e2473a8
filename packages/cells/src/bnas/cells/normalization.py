"""Mean and deviation of the colours that each template's images are normalised with."""

from __future__ import annotations

from attrs import frozen

Colour = tuple[float, float, float]


@frozen
class Normalization:
    """``(x - mean) / std`` per channel, for x from 0 to 1.

    Attributes:
        mean: Mean of red, green and blue.
        std: Standard deviation of red, green and blue.
    """

    mean: Colour
    std: Colour


#: Template -> the statistics of its published training set, as the authors' code has them.
NORMALIZATIONS: dict[str, Normalization] = {
    "cifar": Normalization(
        mean=(0.49139968, 0.48215827, 0.44653124), std=(0.24703233, 0.24348505, 0.26158768)
    ),
    "imagenet": Normalization(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
}
