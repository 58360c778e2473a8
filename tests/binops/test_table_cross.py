"""The generated kernels compile for CPUs that are not here, to the instruction they are about."""

from __future__ import annotations

import re

import pytest

from bnas.binops.table.cross import KERNELS, assembly
from bnas.binops.table.isa import ISAS

SHUFFLES = {
    "avx512": r"vpshufb\s.*%zmm",
    "avx2": r"vpshufb\s.*%ymm",
    "ssse3": r"\bpshufb\s.*%xmm",
    "neon": r"\btbl\s+v\d+\.16b",
}


@pytest.mark.parametrize("name", SHUFFLES)
def test_a_look_up_is_one_byte_shuffle(name):
    code = assembly(ISAS[name], "tile")
    # Three look-ups for every pair and vector of the tile, once in the loop.
    expected = 3 * (2 * 4 if name == "avx512" else 5)
    assert len(re.findall(SHUFFLES[name], code)) == expected


@pytest.mark.parametrize("name", SHUFFLES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_every_kernel_compiles_for_every_instruction_set(name, kernel):
    code = assembly(ISAS[name], kernel)
    assert f"{kernel}:" in code
    assert "call" not in re.sub(r"\.[a-z_]*call.*", "", code)


def test_every_instruction_set_is_tested():
    assert set(SHUFFLES) == set(ISAS)


@pytest.mark.parametrize("name", ["avx512", "avx2"])
def test_sums_stay_in_registers(name):
    code = assembly(ISAS[name], "tile").splitlines()
    shuffles = [number for number, line in enumerate(code) if re.search(SHUFFLES[name], line)]
    # A spilled sum would be stored to the stack between the look-ups.
    inner = code[shuffles[0] : shuffles[-1]]
    assert not [line for line in inner if re.search(r"%[yz]mm\d+, -?\d*\(%rsp\)", line)]


@pytest.mark.parametrize(("name", "sums"), [("avx512", 24), ("avx2", 12)])
def test_a_tap_is_one_instruction_a_sum(name, sums):
    code = assembly(ISAS[name], "product")
    products = re.findall(r"vfmadd\d+ps\s.*", code)
    assert len(products) == sums
    assert not re.search(r"%[yz]mm\d+, -?\d*\(%rsp\)", code)
