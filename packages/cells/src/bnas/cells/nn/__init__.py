"""Torch modules of the graph: binary convolutions with latent weights, and whole networks."""

from bnas.cells.nn.binarize import (
    binarize_activation,
    binary_weight,
    gradient_factor,
    latent_scale,
    project_latent,
    round_counts,
)
from bnas.cells.nn.convolution import convolve
from bnas.cells.nn.layers import BatchNorm2d, BinaryConv2d, RPReLU, Sign
from bnas.cells.nn.network import Binarize, Network
from bnas.cells.nn.pooling import average_pool

__all__ = [
    "BatchNorm2d",
    "Binarize",
    "BinaryConv2d",
    "Network",
    "RPReLU",
    "Sign",
    "average_pool",
    "binarize_activation",
    "binary_weight",
    "convolve",
    "gradient_factor",
    "latent_scale",
    "project_latent",
    "round_counts",
]
