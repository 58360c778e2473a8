"""Training on CPUs by fused passes over bfloat16 activations, compiled by Numba."""

from bnas.search.fused.network import FusedNetwork

__all__ = ["FusedNetwork"]
