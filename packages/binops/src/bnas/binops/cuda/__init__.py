"""Bit-packed kernels on NVIDIA GPUs, by numba-cuda (docs/adr/0012).

Nothing outside imports this folder before an array on a GPU, or a network sent to one, asks for it.
"""
