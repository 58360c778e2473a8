"""Kernels that count mismatches by table look-ups in vector registers, for several ISAs."""
