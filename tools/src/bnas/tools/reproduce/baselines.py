"""The networks that BNAS is compared with, all trained here, and accuracy against FLOPs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bnas.tools.reproduce.checks import Check, told, verdict_of
from bnas.tools.reproduce.context import Context
from bnas.tools.reproduce.frontier import Point, draw_frontier
from bnas.tools.reproduce.published import DARTS_TOP1
from bnas.tools.reproduce.section import Picture, Section, Table
from bnas.tools.reproduce.subjects import SUBJECTS, Subject
from bnas.tools.reproduce.trainings import NEAR_GUESSING, Trained, trained
from bnas.tools.reproduce.words import outcome_of, reduced_words

if TYPE_CHECKING:
    from bnas.cells import CostReport
    from bnas.zoo import Card

#: Keys of the network to compare with, of binarised DARTS, and of its variants.
BASE, DARTS, CENTRED, SKIPS = "A", "DARTS", "DARTS-centred", "DARTS-skips"
_JUDGED = (CENTRED, DARTS, SKIPS, BASE)
_PICTURE = "accuracy_flops.png"
_CIFAR10_CLASSES = 10
_CLAIM = (
    f"Section 1 and Figures 2 and 3: binarised DARTS_V2 does not train at all ({DARTS_TOP1} % on "
    "CIFAR-10, chance); the lack of inter-cell skips and many separable convolutions are taken to "
    "be why."
)
_CENTRING = (
    "A depthwise filter has one input channel. XNOR-Net subtracts from latent weights their mean "
    "over the input channels, as the authors' code does: of one channel that leaves 0, whatever "
    "was learnt, and with it a scale of 0. So in *{centred}* separable convolutions put out "
    "constants, and only 1x1 blocks, poolings and identities pass the image on. In all other "
    "networks here, filters of one input channel are not centred."
)
_ZOO_NOTE = (
    "Networks of this run are compared with each other alone: the zoo's weights, which the picture "
    "shows too, were trained on other images and for another time."
)


def baselines(context: Context) -> Section:
    """Train every network under one recipe and budget, and draw accuracy against FLOPs."""
    networks = trained(context, tuple(SUBJECTS))
    by_key = {network.subject.key: network for network in networks}
    checks = judge(by_key)
    ends = [f"{by_key[key].subject.title} {outcome_of(by_key[key])}." for key in _JUDGED]
    points = points_of(context, networks)
    draw_frontier(points, context.path(_PICTURE))
    return Section(
        target="baselines",
        title="Baselines: does binarised DARTS fail, and accuracy against FLOPs",
        claim=_CLAIM,
        verdict=verdict_of(checks),
        finding=f"{told(checks)} {' '.join(ends)} {reduced_words(context)}".strip(),
        parts=(
            _CENTRING.format(centred=SUBJECTS[CENTRED].title),
            accuracy_table(context, networks),
            Picture(_PICTURE, _caption(networks)),
            _ZOO_NOTE,
        ),
    )


def judge(networks: dict[str, Trained]) -> list[Check]:
    """Return the statements on binarised DARTS, and whether they hold.

    Args:
        networks: By key, those of DARTS and BNAS-A among them.
    """
    base, centred, plain, with_skips = (networks[key] for key in (BASE, CENTRED, DARTS, SKIPS))
    near = f"within {NEAR_GUESSING:g} points of guessing"
    return [
        Check(
            f"every training of {base.subject.title} ends clearly above guessing",
            len(base.finished_top1) == len(base.results)
            and min(base.finished_top1) > base.guessing + NEAR_GUESSING,
            is_control=True,
        ),
        Check(
            f"no training of binarised DARTS ends better than {near}, as the authors' code would "
            "train it, with all filters centred",
            centred.is_near_guessing,
        ),
        Check(
            "none does with depthwise filters that are not centred, and learn",
            plain.is_near_guessing,
        ),
        Check(
            "its cells end above it when they are stacked with BNAS's skips",
            with_skips.is_above(plain),
        ),
    ]


def _caption(networks: Sequence[Trained]) -> str:
    lost = [each.subject.title for each in networks if each.mean_top1 is None]
    text = "Top-1 against FLOPs of every network that was trained"
    return (
        f"{text}; not there, for their trainings diverged: {', '.join(lost)}."
        if lost
        else f"{text}."
    )


def accuracy_table(context: Context, networks: Sequence[Trained]) -> Table:
    """Return accuracy and cost of every network, as it was trained and at its own width."""
    rows = []
    for network in networks:
        found = network.finished_top1
        report, own = _costs(context, network.subject)
        rows.append(
            (
                network.subject.title,
                network.mean_top1,
                min(found, default=None),
                max(found, default=None),
                len(network.results),
                network.diverged,
                report.params,
                report.flops,
                own.params,
                own.flops,
            )
        )
    return Table(
        "baselines",
        (
            "network", "test %", "lowest", "highest", "seeds", "diverged", "params", "FLOPs",
            "params at full width", "FLOPs at full width",
        ),
        tuple(rows),
        "Top-1 (mean of the seeds) and cost, FLOPs by the rule `deployed`: as trained here, on "
        f"{context.scale.side}x{context.scale.side} pixels, and at full width on 32x32.",
    )  # fmt: skip


def points_of(context: Context, networks: Sequence[Trained]) -> list[Point]:
    """Return the points of the picture: this run's, the zoo's, and the published ones."""
    points = []
    for network in networks:
        if network.mean_top1 is None:
            continue
        found = network.finished_top1
        points.append(
            Point(
                label=network.subject.title,
                family=network.subject.family,
                origin="this run",
                flops=_costs(context, network.subject)[0].flops,
                top1=network.mean_top1,
                low=min(found),
                high=max(found),
            )
        )
    return points + _zoo_points()


def _zoo_points() -> list[Point]:
    """Return the points of what was trained elsewhere than in this run, and of what was not."""
    from bnas.zoo.index import bundled_index

    cards = [
        entry.card
        for entry in bundled_index().entries
        if entry.card.num_classes == _CIFAR10_CLASSES and entry.card.counts is not None
    ]
    trained_ones = [_zoo_point(card) for card in cards if card.top1 is not None]
    return trained_ones + [_published_point(card) for card in _one_a_name(cards)]


def _one_a_name(cards: Sequence[Card]) -> list[Card]:
    """Return a card of every network whose accuracy was published; weights may have several."""
    return list({card.name: card for card in cards if card.published_top1 is not None}.values())


def _published_point(card: Card) -> Point:
    """Return the point of the network as it was published, whatever weights of it there are."""
    from bnas import cells

    assert card.published_top1 is not None
    return Point(
        label=card.name,
        family="BNAS",
        origin="published",
        flops=cells.cost(cells.spec(card.name), rule="deployed").flops,
        top1=card.published_top1,
    )


def _zoo_point(card: Card) -> Point:
    """Return the point of weights of the zoo."""
    assert card.counts is not None and card.top1 is not None
    return Point(
        label=card.full_name,
        family="BNAS",
        origin="zoo",
        flops=card.counts.deployed_flops,
        top1=card.top1,
    )


def _costs(context: Context, subject: Subject) -> tuple[CostReport, CostReport]:
    """Return the cost of a network as it was trained, and at its own width."""
    from bnas import cells

    def count() -> tuple[CostReport, CostReport]:
        return (
            cells.cost(subject.spec(context.scale), context.scale.side, rule="deployed"),
            cells.cost(subject.spec(), rule="deployed"),
        )

    return context.once(("cost", subject.key), count)
