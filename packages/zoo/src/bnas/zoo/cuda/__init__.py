"""Packed networks on NVIDIA GPUs (docs/adr/0012).

Nothing imports this before a network is sent to one.
"""
