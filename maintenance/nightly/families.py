"""The families of kernels, and the property tests that compare each with its oracle."""

from __future__ import annotations

from collections.abc import Iterable

#: Family -> test functions under ``tests/binops``; every family gets an equal part of the cases.
FAMILIES: dict[str, tuple[str, ...]] = {
    "pack and unpack": (
        "test_pack.py::test_pack_is_numpy_packbits",
        "test_pack.py::test_unpack_gives_the_signs_back",
        "test_pack.py::test_pack_undoes_unpack",
        "test_pack.py::test_thresholds_and_flips_equal_the_oracle",
        "test_widths.py::test_pack_and_unpack",
        "test_widths.py::test_pack_of_planes_with_thresholds",
    ),
    "gemm": (
        "test_matmul.py::test_gemm_equals_the_oracle",
        "test_matmul.py::test_packed_operands_give_the_same",
        "test_widths.py::test_gemm",
    ),
    "conv2d": (
        "test_convolution.py::test_conv2d_equals_the_oracle",
        "test_convolution.py::test_a_plan_takes_bits_or_numbers_and_any_batch",
        "test_table_conv.py::test_every_width_equals_the_oracle",
        "test_widths.py::test_conv2d",
    ),
    "plans and epilogues": (
        "test_epilogues.py::test_threshold_equals_the_oracle",
        "test_epilogues.py::test_scale_is_numpy_float32_bit_for_bit",
        "test_epilogues.py::test_scale_accumulates_into_a_slice_of_channels",
        "test_epilogues.py::test_a_tuple_gives_all_outputs_of_one_computation",
        "test_table_conv.py::test_every_width_makes_the_same_bits_floats_and_sums",
        "test_sliced.py::test_any_threshold_of_any_layer",
    ),
    "pooling": (
        "test_pooling.py::test_max_pool2d_equals_the_oracle",
        "test_pooling.py::test_it_is_the_bits_of_the_pooled_numbers",
        "test_widths.py::test_max_pool2d",
    ),
    "tapes": (
        "test_widths.py::test_planes_of_tapes",
        "test_widths.py::test_convolutions_of_tapes",
    ),
}

FOLDER = "tests/binops"


def family_of(node: str) -> str | None:
    """Return the family of a test.

    Args:
        node: As pytest names it: ``tests/binops/test_pack.py::test_…[avx2]``.

    Returns:
        Its family; None if it compares no kernel with an oracle.
    """
    test = node.partition("[")[0].removeprefix(f"{FOLDER}/")
    return next((family for family, tests in FAMILIES.items() if test in tests), None)


def files(families: Iterable[str] = FAMILIES) -> list[str]:
    """Return the files of families, for pytest."""
    found = {test.partition("::")[0] for family in families for test in FAMILIES[family]}
    return [f"{FOLDER}/{name}" for name in sorted(found)]
