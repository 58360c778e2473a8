"""The published figures that pages set beside what a run finds; no other module holds any.

References:
    Kim, Singh, Choi, "Learning Architectures for Binary Networks", ECCV 2020, and its supplement;
    Liu et al., "Bi-Real Net", ECCV 2018; the sources of single figures stand with them.
"""

from __future__ import annotations

from attrs import frozen

PAPER = "ECCV 2020 BNAS"
SUPPLEMENT = "supplement of ECCV 2020 BNAS"


@frozen
class Configuration:
    """A column of the supplement's Table 1, and the accuracy published with it.

    Attributes:
        cells: Stacked cells.
        channels: In the table, those that the first convolution outputs.
        zeroise_gamma: The transferability hyper-parameter of Eq. 5 with which the cells were found.
        dataset: What it classifies.
        top1: Published accuracy in percent; None where no source is known.
        top5: The same for the first five answers.
        source: Of the accuracy.
    """

    cells: int
    channels: int
    zeroise_gamma: int
    dataset: str
    top1: float | None = None
    top5: float | None = None
    source: str = ""


@frozen
class Savings:
    """What a network is said to cost, against its float counterpart.

    Attributes:
        flops: Real MACs and a 64th of the binary ones; printed in units of 1e8.
        memory_saving: Times less memory.
        speed_up: Times faster, by counting.
        source: Of all three.
    """

    flops: float
    memory_saving: float
    speed_up: float
    source: str


_EBNAS = "quoted by EBNAS, a follow-up"

#: Supplement, Table 1: network -> configuration.
TABLE_1: dict[str, Configuration] = {
    "BNAS-Mini": Configuration(10, 24, 1, "CIFAR-10"),
    "BNAS-A": Configuration(20, 36, 1, "CIFAR-10", 92.70, None, f"{SUPPLEMENT}, Table 3"),
    "BNAS-B": Configuration(12, 64, 1, "CIFAR-10"),
    "BNAS-C": Configuration(16, 108, 1, "CIFAR-10", 94.43, None, _EBNAS),
    "BNAS-D": Configuration(12, 64, 3, "ImageNet", 57.69, 79.89, PAPER),
    "BNAS-E": Configuration(12, 68, 3, "ImageNet", 58.76, 80.61, PAPER),
    "BNAS-F": Configuration(15, 68, 3, "ImageNet", 58.99, 80.85, PAPER),
    "BNAS-G": Configuration(11, 74, 3, "ImageNet", 59.81, 81.61, PAPER),
    "BNAS-H": Configuration(16, 128, 3, "ImageNet", 63.51, 83.91, PAPER),
}

_TABLE_3, _TABLE_4 = f"{SUPPLEMENT}, Table 3", f"{SUPPLEMENT}, Table 4"
_BI_REAL = f"Bi-Real Net, ECCV 2018, Table 3, quoted in the {_TABLE_4}"

#: Supplement, Table 3: BNAS-A with Zeroise and without -> what is counted of it.
TABLE_3: dict[str, Savings] = {
    "with": Savings(0.14e8, 91.06, 149.14, _TABLE_3),
    "without": Savings(0.36e8, 31.79, 58.01, _TABLE_3),
}
#: The same: top-1 on CIFAR-10 in percent.
TABLE_3_TOP1: dict[str, float] = {"with": 92.70, "without": 89.47}

#: Supplement, Table 4: network -> what is counted of it.
TABLE_4: dict[str, Savings] = {
    "BNAS-D": Savings(1.48e8, 13.91, 20.85, _TABLE_4),
    "BNAS-E": Savings(1.63e8, 14.51, 21.15, _TABLE_4),
    "BNAS-F": Savings(1.78e8, 30.37, 24.29, _TABLE_4),
    "BNAS-G": Savings(1.93e8, 14.85, 19.34, _TABLE_4),
    "BNAS-H": Savings(6.56e8, 21.75, 24.81, _TABLE_4),
    "Bi-Real-18": Savings(1.63e8, 11.14, 11.06, _BI_REAL),
    "Bi-Real-34": Savings(1.93e8, 15.97, 18.99, _BI_REAL),
}

#: Top-1 of binarised DARTS on CIFAR-10 in percent, which is chance: the paper's Figure 2, quoted in
#: Section 1 of the supplement.
DARTS_TOP1 = 10.01
#: Supplement, Section 5: times the FLOPs of BATS once layers that downsample are real, "roughly".
BATS_FLOPS_RATIO = 4.0


def deviation_percent(value: float, published: float) -> float:
    """Return how far a value lies from a published one, in percent of the published one."""
    return 100 * (value / published - 1)
