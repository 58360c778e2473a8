"""`CellPicture`: one cell or block to draw, and how."""

from __future__ import annotations

from typing import Any

import attrs
from attrs import field, frozen

from bnas.cells.draw.drawable import Drawable, drawable, kind_of, structure_of
from bnas.cells.draw.errors import DrawError
from bnas.cells.draw.structure import CellStructure
from bnas.cells.family import name_of
from bnas.cells.genotype import Genotype, genotypes
from bnas.cells.spec import NetworkSpec, ReductionSkip, Skip
from bnas.cells.specification import Spec


@frozen
class CellPicture:
    """One cell or block of a network, and how it is drawn.

    Attributes:
        spec_or_genotype: The network; or the wiring of its cells alone, which is drawn in the
            template of BNAS.
        reduction: The cell or block that halves the size instead of the one that keeps it.
        pruned: Without what Zeroise makes needless: only what `bnas.cells.prune` leaves of a cell
            whose inputs may hold anything.
        title: Title; None makes one.
        owner: Whose cell it is, in a title that is made; None takes the name of a published network
            or genotype.
        skip: Inter-cell skip connections; None leaves a specification as it is, and means
            ``"previous"`` for a genotype.
        reduction_skip: What carries the skip over a reduction cell; None likewise, ``"real"``.

    Raises:
        DrawError: The network has neither cells nor blocks, or a skip is chosen for a network whose
            template has no choice of it.
        SpecError: `skip` or `reduction_skip` is none of the allowed values.
    """

    spec_or_genotype: Spec | Genotype
    reduction: bool = field(default=False, kw_only=True)
    pruned: bool = field(default=False, kw_only=True)
    title: str | None = field(default=None, kw_only=True)
    owner: str | None = field(default=None, kw_only=True)
    skip: Skip | None = field(default=None, kw_only=True)
    reduction_skip: ReductionSkip | None = field(default=None, kw_only=True)
    spec: Drawable = field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        """Find the network that is drawn."""
        given = self.spec_or_genotype
        spec = NetworkSpec(genotype=given) if isinstance(given, Genotype) else drawable(given)
        chosen: dict[str, Any] = {"skip": self.skip, "reduction_skip": self.reduction_skip}
        for name, choice in chosen.items():
            if choice is None:
                continue
            if not isinstance(spec, NetworkSpec):
                raise DrawError(
                    f"`{name}` must be None for a network whose skips are fixed, which those of "
                    f"{type(spec).__name__} are (got {choice!r}); leave it out",
                    choice,
                )
            spec = attrs.evolve(spec, **{name: choice})
        object.__setattr__(self, "spec", spec)

    @property
    def heading(self) -> str:
        """Its title: the given one, or whose cell it is and of which kind."""
        if self.title is not None:
            return one_line(self.title)
        owner = _published_name(self.spec_or_genotype) if self.owner is None else self.owner
        kind = kind_of(self.spec, reduction=self.reduction)
        return one_line(f"{owner}: {kind}") if owner else kind.capitalize()

    def structure(self) -> CellStructure:
        """Return what the drawing shows."""
        return structure_of(self.spec, reduction=self.reduction, pruned=self.pruned)


def one_line(title: str) -> str:
    """Return a title without line breaks and control characters, which no picture can hold.

    Args:
        title: Any text.
    """
    return " ".join("".join(c if c.isprintable() else " " for c in title).split())


def _published_name(drawn: Spec | Genotype) -> str:
    """Return the name under which a network or a genotype was published, or an empty string."""
    if isinstance(drawn, Genotype):
        return next((name for name, known in genotypes.items() if known == drawn), "")
    return name_of(drawn)
