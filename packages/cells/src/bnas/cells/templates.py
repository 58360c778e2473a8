"""The two kinds of images that networks are made for: small ones of CIFAR, large ones of ImageNet.

A template decides a network's stem, the size of its images, and how they are normalised.
"""

from __future__ import annotations

from typing import Literal

TemplateName = Literal["cifar", "imagenet"]

#: Side of the square images, in pixels, for which networks of each template were published.
DEFAULT_INPUT_SIZES: dict[str, int] = {"cifar": 32, "imagenet": 224}
