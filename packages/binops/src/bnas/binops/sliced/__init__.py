"""Bit-sliced kernels: a vector holds one bit of many pixels, and counts are added bit by bit.

What they compute is said in `bnas.binops.sliced.counting`. `inputs` makes the bits of every tap,
`counting` the look-up tables and the sums, `results` what counters start with and what is read off
them; `weights` prepares all that does not depend on the image.
"""
