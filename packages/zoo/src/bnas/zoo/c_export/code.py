"""`Code`: the functions of a C file while they are written, and the tables that they read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import define, field

from bnas.zoo.c_export.arenas import Arenas
from bnas.zoo.c_export.layouts import REAL_BLOCK, flag_words
from bnas.zoo.c_export.tables import Tables
from bnas.zoo.program.thresholds import Cut

#: Taps of a real convolution whose weights are widened together, and the bytes of each: weights
#: and three integers.
_PANEL_TAPS, _PANEL_TAP_BYTES = 32, 4 * (REAL_BLOCK + 3)


@define
class Code:
    """What is written so far.

    Attributes:
        arenas: Where values lie.
        tables: The constant arrays.
        kernels: Names of the kernels that are called.
        functions: One for each step.
        most_counts: Most output channels of a binary convolution, those that fill up a block too.
        most_patch_words: Most words that one output of a binary convolution reads.
    """

    arenas: Arenas
    tables: Tables = field(factory=Tables)
    kernels: set[str] = field(factory=set)
    functions: list[str] = field(factory=list)
    most_counts: int = 0
    most_patch_words: int = 0

    def add_function(self, comment: str, lines: Sequence[str]) -> None:
        """Add the function of a step."""
        body = "\n".join(f"    {line}" for line in lines)
        head = f"/* {comment} */\nstatic void step_{len(self.functions)}(void)"
        self.functions.append(f"{head}\n{{\n{body}\n}}\n")

    def call(self, kernel: str, *arguments: object) -> str:
        """Return the call of a kernel, which the file then holds."""
        self.kernels.add(kernel)
        return f"{kernel}({listed(*arguments)});"

    def real(self, kind: str, values: np.ndarray) -> str:
        """Return the name of a table of float32."""
        return self.tables.add(kind, values.astype(np.float32))

    def cut(self, cut: Cut, dtype: type) -> tuple[str, str]:
        """Return the names of the tables of thresholds, in `dtype`, and of flips, in words."""
        finite = cut.finite
        thresholds = self.tables.add("cut", finite.threshold.astype(dtype))
        return thresholds, self.tables.add("flips", flag_words(finite.flip))

    @property
    def has_panel(self) -> bool:
        """Whether real weights are widened."""
        return "real_conv" in self.kernels

    @property
    def scratch_nbytes(self) -> int:
        """Bytes of the arrays that kernels work in."""
        panel = _PANEL_TAPS * _PANEL_TAP_BYTES if self.has_panel else 0
        return 4 * (self.most_counts + self.most_patch_words) + panel

    def scratch(self) -> str:
        """Return the definitions of these arrays."""
        texts = []
        if self.most_counts:
            texts.append(f"static int32_t counts[{self.most_counts}];")
        if self.most_patch_words:
            texts.append(f"static uint32_t patch[{self.most_patch_words}];")
        if self.has_panel:
            texts.append(f"#define PANEL_TAPS {_PANEL_TAPS}")
        return "\n".join(texts)


def listed(*values: object) -> str:
    """Return values with commas between them: arguments, or an initializer."""
    return ", ".join(map(str, values))
