"""The networks that a reproduction trains, each under one recipe with one budget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from bnas.tools.reproduce.scale import Scale

if TYPE_CHECKING:
    from bnas.cells import Spec

_NUM_CLASSES = 10


@frozen(kw_only=True)
class Subject:
    """A network to train.

    Attributes:
        key: Unique; begins the names of its directories.
        title: For readers.
        model: Name of the specification that it is, or is made from.
        family: Networks of one family have one colour.
        cells: Name of the genotype that takes the place of the model's own; empty for none.
        changes: Fields of the specification that are changed.
        recipe_changes: Fields of the recipe that are changed, for this network alone.
    """

    key: str
    title: str
    model: str
    family: str
    cells: str = ""
    changes: dict[str, Any] = field(factory=dict)
    recipe_changes: dict[str, Any] = field(factory=dict)

    @property
    def is_baseline(self) -> bool:
        """Whether it is another's network, and no part of an ablation."""
        return self.family not in ("BNAS", "ablation")

    def spec(self, scale: Scale | None = None) -> Spec:
        """Return the network for CIFAR-10.

        Args:
            scale: As wide as this scale trains it; None for its own width.
        """
        from bnas import cells

        plain = cells.spec(self.model)
        fields = dict(self.changes)
        if plain.template != "cifar":
            fields["template"] = "cifar"
        if self.cells:
            fields["genotype"] = cells.genotypes[self.cells]
        if scale is not None:
            width = "width" if isinstance(plain, cells.ResNetSpec) else "channels"
            fields |= self._sizes(scale.channels, width)
            fields |= self._sizes(scale.num_cells, "num_cells")
        changed: Spec = cells.changed(plain, num_classes=_NUM_CLASSES, **fields)
        return changed

    def _sizes(self, sizes: dict[str, int], field_name: str) -> dict[str, int]:
        """Return a field with this network's own size, else its model's, if there is one."""
        size = sizes.get(self.key, sizes.get(self.model))
        return {} if size is None else {field_name: size}


def _without(model: str, what: str, **fields: Any) -> Subject:
    letter = model.removeprefix("BNAS-")
    key = f"{letter}-no-{what.lower().replace(' ', '-')}"
    return Subject(key=key, title=f"{model}, no {what}", model=model, family="ablation", **fields)


_NO_SKIP = {"skip": "none"}
_ALL = (
    Subject(key="A", title="BNAS-A", model="BNAS-A", family="BNAS"),
    *(_without(f"BNAS-{letter}", "skip", changes=_NO_SKIP) for letter in "ABC"),
    _without("BNAS-A", "Zeroise", cells="bnas-imagenet"),
    *(
        Subject(key=f"{name}-{layers}", title=model, model=model, family="ResNet")
        for layers in (18, 34)
        for name, model in (
            ("XNOR", f"XNOR-ResNet-{layers}"),
            ("Bi-Real", f"Bi-Real-{layers}"),
        )
    ),
    Subject(key="BATS", title="BATS-style", model="BATS-style", family="BATS"),
    Subject(
        key="BATS-real",
        title="BATS-style, downsampling real",
        model="BATS-style-real",
        family="BATS",
    ),
    Subject(key="DARTS", title="binarised DARTS_V2", model="DARTS-V2", family="DARTS"),
    Subject(
        key="DARTS-centred",
        title="binarised DARTS_V2, all filters centred",
        model="DARTS-V2",
        family="DARTS",
        recipe_changes={"official_centring": True},
    ),
    Subject(
        key="DARTS-skips",
        title="DARTS_V2's cells with BNAS's skips",
        model="BNAS-A",
        family="DARTS",
        cells="darts-v2",
    ),
)
#: Key -> network.
SUBJECTS: dict[str, Subject] = {subject.key: subject for subject in _ALL}


def seeds_of(scale: Scale, subject: Subject) -> tuple[int, ...]:
    """Return the seeds that a network is trained with."""
    return scale.baseline_seeds if subject.is_baseline else scale.seeds


def recipe_fields(scale: Scale, subject: Subject, seed: int) -> dict[str, Any]:
    """Return the fields of the scale's recipe that a training changes.

    Args:
        scale: Of the reproduction.
        subject: The network.
        seed: Of this training.
    """
    changes = {**scale.changes, **subject.recipe_changes}
    return {**changes, "epochs": scale.epochs, "seed": seed}
