"""The kernels of a C file: fragments of C beside this file, each with what it needs before it."""

from __future__ import annotations

import importlib.resources

#: Fragment -> the fragments that it uses, in the order in which C wants them.
_NEEDS: dict[str, tuple[str, ...]] = {
    "taps_inside": (),
    "lanes": (),
    "popcount": (),
    "put_bits": (),
    "window": (),
    "count_pixel": ("taps_inside", "lanes", "popcount"),
    "count_pixel_of_groups": ("taps_inside", "popcount"),
    "cut_counts": (),
    "scale_counts": (),
    "relu_counts": (),
    "rprelu_counts": (),
    "affine_counts": (),
    "cut_floats": ("put_bits",),
    "fill_bits": ("put_bits",),
    "pool_bits": ("taps_inside", "window"),
    "unpack_bits": (),
    "fill_floats": (),
    "copy_floats": (),
    "affine_floats": (),
    "relu_floats": (),
    "rprelu_floats": (),
    "pool_floats": ("taps_inside", "window"),
    "mean_floats": (),
    "multiply_add": (),
    "real_conv": ("lanes", "multiply_add"),
}


def kernels_text(called: set[str]) -> str:
    """Return the source of these kernels and of what they need, each once."""
    needed = called | {need for name in called for need in _NEEDS[name]}
    folder = importlib.resources.files("bnas.zoo.c_export") / "kernels"
    names = (name for name in _NEEDS if name in needed)
    return "\n".join((folder / f"{name}.c").read_text(encoding="utf-8") for name in names)
