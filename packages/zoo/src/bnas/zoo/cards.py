"""`Card`: what is known about a set of weights, and by which measurement.

A card travels in the weights file itself and in the zoo's index. Only the index knows the file's
SHA-256 and its size, since a file cannot hold its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import attrs
from attrs import field, frozen

from bnas.zoo.counts import Counts
from bnas.zoo.errors import CardError, PreprocessingError
from bnas.zoo.latency import Latency
from bnas.zoo.preprocessing import Preprocessing

CARD_FORMAT_VERSION = 1
#: Classes of CIFAR-10 in the order of its labels 0 to 9.
CIFAR10_CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)

_Validator = Callable[[Any, "attrs.Attribute[Any]", Any], None]
_TAG = re.compile(r"[a-z0-9][a-z0-9-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Normalization(NamedTuple):
    """Mean and deviation of red, green and blue on the scale 0 to 1."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


def _checked(allowed: str, fits: Callable[[Any], bool], *, optional: bool = False) -> _Validator:
    def check(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if not (optional and value is None) and not fits(value):
            null = " or None" if optional else ""
            raise CardError(f"`{attribute.name}` must be {allowed}{null} (got {value!r})")

    return check


def _is_integer(value: object, minimum: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= minimum


def _is_percent(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 100


def _as_names(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _are_names(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(name, str) and name for name in value)


def _text(optional: bool = False) -> _Validator:
    return _checked("text", lambda value: isinstance(value, str), optional=optional)


def _count(minimum: int, optional: bool = False) -> _Validator:
    allowed = f"an integer >= {minimum}"
    return _checked(allowed, lambda value: _is_integer(value, minimum), optional=optional)


def _one_of(kind: type) -> _Validator:
    return _checked(f"a {kind.__name__}", lambda value: isinstance(value, kind), optional=True)


_NAME = _checked("text without '.'", lambda v: isinstance(v, str) and v != "" and "." not in v)
_PERCENT = _checked("a number of percent, 0 to 100", _is_percent, optional=True)
_TAGGED = _checked(
    "lower-case letters, digits and '-'",
    lambda value: isinstance(value, str) and (value == "" or _TAG.fullmatch(value) is not None),
)
_HASH = _checked(
    "64 lower-case hexadecimal digits",
    lambda value: isinstance(value, str) and _SHA256.fullmatch(value) is not None,
    optional=True,
)


#: Fields of a card that have fields of their own.
_PARTS: dict[str, type] = {"preprocessing": Preprocessing, "counts": Counts, "latency": Latency}


def _name_of_card(card: Card) -> str:
    return card.name


@frozen(kw_only=True)
class Card:
    """What is known about a model's weights; `trained` is False where there are none yet.

    Attributes:
        name: The model's name, such as ``"BNAS-A"``.
        tag: Which weights of that model; empty for none, or for a file of one's own.
        version: Version of the weights of that tag; another one for every other file.
        architecture: Name of its specification in `bnas.cells`.
        trained: Whether weights exist.
        top1: Accuracy in percent as measured here; None if not measured.
        top5: The same for the five best classes.
        published_top1: Accuracy in percent as the paper states it, never measured here.
        published_top5: The same for the five best classes.
        published_source: Where the published figures stand, if not in the paper.
        dataset: What it was trained and measured on.
        num_classes: Number of logits.
        class_names: A label per logit; empty if they have no names.
        preprocessing: From a photo to the network's input.
        recipe: How it was trained, in words or by the name of a recipe.
        epochs: Passes over the training set.
        seed: Seed of that training.
        measured_with: What computed `top1`, such as ``"packed Program"``.
        sha256: SHA-256 of the weights file.
        size_bytes: Size of the weights file.
        float_size_bytes: Size of all weights as float32.
        counts: What the network has and does, by both counting rules.
        latency: How long an image takes, and on which machine.
        licence: Licence of the weights.
        notes: What else one should know.
        format_version: Version of this form.

    Raises:
        CardError: A field is outside its range or contradicts another.
    """

    name: str = field(validator=_NAME)
    tag: str = field(default="", validator=_TAGGED)
    version: str | None = field(default=None, validator=_text(optional=True))
    architecture: str = field(
        default=attrs.Factory(_name_of_card, takes_self=True), validator=_NAME
    )
    trained: bool = field(validator=_checked("true or false", lambda v: isinstance(v, bool)))
    top1: float | None = field(default=None, validator=_PERCENT)
    top5: float | None = field(default=None, validator=_PERCENT)
    published_top1: float | None = field(default=None, validator=_PERCENT)
    published_top5: float | None = field(default=None, validator=_PERCENT)
    published_source: str | None = field(default=None, validator=_text(optional=True))
    dataset: str | None = field(default=None, validator=_text(optional=True))
    num_classes: int = field(validator=_count(1))
    class_names: tuple[str, ...] = field(
        default=(),
        converter=_as_names,
        validator=_checked("a list of labels", _are_names),
    )
    preprocessing: Preprocessing = field(
        validator=_checked("a Preprocessing", lambda v: isinstance(v, Preprocessing))
    )
    recipe: str | None = field(default=None, validator=_text(optional=True))
    epochs: int | None = field(default=None, validator=_count(0, optional=True))
    seed: int | None = field(default=None, validator=_count(0, optional=True))
    measured_with: str | None = field(default=None, validator=_text(optional=True))
    sha256: str | None = field(default=None, validator=_HASH)
    size_bytes: int | None = field(default=None, validator=_count(1, optional=True))
    float_size_bytes: int | None = field(default=None, validator=_count(1, optional=True))
    counts: Counts | None = field(default=None, validator=_one_of(Counts))
    latency: Latency | None = field(default=None, validator=_one_of(Latency))
    licence: str | None = field(default=None, validator=_text(optional=True))
    notes: str = field(default="", validator=_text())
    format_version: int = field(default=CARD_FORMAT_VERSION)

    def __attrs_post_init__(self) -> None:
        """Check the fields against each other."""
        _check_version(self.format_version)
        if self.class_names and len(self.class_names) != self.num_classes:
            raise CardError(
                "`class_names` must be as many as `num_classes` or none "
                f"(got {len(self.class_names)} names, num_classes={self.num_classes})"
            )
        if self.top1 is not None and self.top5 is not None and self.top5 < self.top1:
            raise CardError(f"`top5` must be at least `top1` (got {self.top5}, top1={self.top1})")
        of_weights = (
            "tag", "version", "top1", "top5", "epochs", "seed", "sha256", "size_bytes", "latency",
        )  # fmt: skip
        stated = [name for name in of_weights if getattr(self, name) not in (None, "")]
        if stated and not self.trained:
            raise CardError(f"a card with trained=false must not state {stated}")

    @property
    def full_name(self) -> str:
        """The name that `bnas.zoo.load` takes for exactly these weights, ``"BNAS-A.lean"``."""
        return f"{self.name}.{self.tag}" if self.tag else self.name

    @property
    def normalization(self) -> Normalization:
        """Mean and deviation that the network's input is normalised with."""
        return Normalization(self.preprocessing.mean, self.preprocessing.std)

    def label(self, index: int) -> str:
        """Return the label of logit `index`; its number, if the classes have no names."""
        return self.class_names[index] if self.class_names else f"class {index}"

    def to_dict(self) -> dict[str, Any]:
        """Return every field as JSON knows it."""
        return attrs.asdict(self)

    def to_json(self) -> str:
        """Return the card as one JSON object."""
        return json.dumps(self.to_dict(), allow_nan=False)

    @classmethod
    def from_dict(cls, data: Any) -> Card:
        """Build a card from what `to_dict` returned.

        Raises:
            CardError: Unknown or missing fields, or a value outside its range.
        """
        if isinstance(data, Mapping):  # first: a newer form has fields that are unknown here
            _check_version(data.get("format_version", CARD_FORMAT_VERSION))
        fields = _fields_of(cls, data, "a card")
        try:
            for name, kind in _PARTS.items():
                part = fields.get(name)
                if part is not None or name == "preprocessing":
                    fields[name] = kind(**_fields_of(kind, part, f"`{name}` of a card"))
            return cls(**fields)
        except PreprocessingError as error:
            raise CardError(f"`preprocessing` of a card: {error}") from error

    @classmethod
    def from_json(cls, text: str) -> Card:
        """Parse what `to_json` wrote.

        Raises:
            CardError: Not JSON, unknown or missing fields, or a value outside its range.
        """
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise CardError(f"a card must be JSON text ({error})") from error
        return cls.from_dict(data)


def _check_version(version: object) -> None:
    if version != CARD_FORMAT_VERSION or isinstance(version, bool):
        raise CardError(
            f"`format_version` of a card must be {CARD_FORMAT_VERSION} (got {version!r}); "
            "a newer bnas-zoo may read it"
        )


def _fields_of(kind: type, data: Any, what: str) -> dict[str, Any]:
    """Refuse any key that is not a field of `kind`, and the lack of one that has no default."""
    if not isinstance(data, Mapping):
        raise CardError(f"{what} must be a JSON object (got {type(data).__name__})")
    known = attrs.fields_dict(kind)
    unknown = sorted(set(data) - set(known), key=str)
    missing = [
        name for name, each in known.items() if each.default is attrs.NOTHING and name not in data
    ]
    if unknown or missing:
        raise CardError(
            f"{what} must have the known fields only and all those needed "
            f"(unknown: {unknown or 'none'}, missing: {missing or 'none'})"
        )
    return dict(data)
