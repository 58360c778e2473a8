"""Bit-sliced kernels: a vector holds one bit of many pixels, and counts are added bit by bit."""
