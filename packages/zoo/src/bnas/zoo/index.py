"""The zoo's index: which models there are, which of them have weights, and where those lie.

The index is ``data/index.json`` inside the package. To add weights to it, or to replace some, see
`register`.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import attrs
from attrs import field, frozen

from bnas.zoo.atomic_file import write_atomically
from bnas.zoo.cards import Card
from bnas.zoo.checksum import file_sha256
from bnas.zoo.errors import CardError, UnknownModelError, WeightsIndexError, ZooError
from bnas.zoo.weights_file import read_weights

INDEX_FORMAT = "bnas-zoo-index"
INDEX_VERSION = 1
#: Folder inside the package that holds the index and the weights that travel in the wheel.
PACKAGE_DATA = Path(__file__).with_name("data")
INDEX_PATH = PACKAGE_DATA / "index.json"

#: "wheel": beside the index, installed with it. "weights": in the folder ``weights`` of a checkout,
#: and at the entry's URL.
Home = Literal["wheel", "weights"]

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@frozen(kw_only=True)
class Entry:
    """One line of the index: a model, and the file of its weights if it has any.

    Attributes:
        card: What is known about the weights, the SHA-256 and size of their file included.
        file: Name of the file; None if the model is not trained.
        home: Where the file lies.
        url: Where the file can be fetched, if it is published.

    Raises:
        WeightsIndexError: A trained model without file, tag, SHA-256 or size; an untrained one with
            a file.
    """

    card: Card
    file: str | None = None
    home: Home = field(default="weights")
    url: str | None = None

    def __attrs_post_init__(self) -> None:
        """Check the fields against the card."""
        name = self.card.full_name
        if self.home not in get_args(Home):
            raise WeightsIndexError(
                f"`home` of {name} must be one of {get_args(Home)} (got {self.home!r})"
            )
        if not self.card.trained:
            if self.file is not None or self.url is not None:
                raise WeightsIndexError(f"{name} is untrained and must not have a file or URL")
            return
        needed = (self.file, self.card.tag, self.card.sha256, self.card.size_bytes)
        if not all(needed):
            raise WeightsIndexError(
                f"{name} is trained and must have a file, a tag, a SHA-256 and a size "
                f"(got file={self.file!r}, tag={self.card.tag!r}, sha256={self.card.sha256!r}, "
                f"size_bytes={self.card.size_bytes!r})"
            )
        # The name becomes part of paths and URLs: it must not lead out of their folder.
        if not isinstance(self.file, str) or not _FILE_NAME.fullmatch(self.file):
            raise WeightsIndexError(
                f"`file` of {name} must be a bare file name of letters, digits, '.', '_' and '-' "
                f"(got {self.file!r})"
            )
        if self.url is not None and not str(self.url).startswith(("https://", "http://")):
            raise WeightsIndexError(f"`url` of {name} must be http(s) (got {self.url!r})")


def _as_tuple(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    return tuple(entries)


@frozen
class Index:
    """All entries; the first of a model is the one meant by its bare name."""

    entries: tuple[Entry, ...] = field(converter=_as_tuple)

    def names(self, *, trained: bool | None = None) -> tuple[str, ...]:
        """Return the models' names in order; only the trained or untrained ones if asked."""
        firsts = {entry.card.name: entry.card for entry in reversed(self.entries)}
        ordered = dict.fromkeys(entry.card.name for entry in self.entries)
        return tuple(name for name in ordered if trained is None or firsts[name].trained is trained)

    def find(self, name: str) -> Entry:
        """Return the entry of ``"BNAS-E"`` or ``"BNAS-E.tag"``, in upper or lower case.

        Raises:
            UnknownModelError: There is none; the nearest names are listed.
        """
        for entry in self.entries:
            if str(name).lower() in (entry.card.name.lower(), entry.card.full_name.lower()):
                return entry
        tagged = (entry.card.full_name for entry in self.entries)
        raise UnknownModelError(name, dict.fromkeys((*self.names(), *tagged)))

    def with_entry(self, entry: Entry, *, default: bool = True) -> Index:
        """Return the index with new weights of a model, in the place of its former entries.

        Other tags of the model stay; the same tag and an untrained entry are replaced.

        Args:
            entry: The new weights.
            default: The model's name alone means these from now on; otherwise only if there are no
                others.
        """
        name, entries = entry.card.name, list(self.entries)
        same = [each for each in entries if each.card.name == name]
        kept = [e for e in same if e.card.trained and e.card.tag != entry.card.tag]
        at = entries.index(same[0]) if same else len(entries)
        others = [each for each in entries if each.card.name != name]
        own = [entry, *kept] if default else [*kept, entry]
        return Index([*others[:at], *own, *others[at:]])

    def with_card(self, card: Card) -> Index:
        """Return the index with another card for the same weights, or the same untrained model.

        Raises:
            UnknownModelError: No entry has the card's full name.
        """
        wanted = self.find(card.full_name)
        changed = attrs.evolve(wanted, card=card)
        return Index(changed if entry is wanted else entry for entry in self.entries)

    def to_json(self) -> str:
        """Return the index as text, one entry a line so that changes can be read."""
        lines = [
            json.dumps(
                {"card": each.card.to_dict(), "file": each.file, "home": each.home, "url": each.url}
            )
            for each in self.entries
        ]
        opening = f'{{"format": "{INDEX_FORMAT}", "version": {INDEX_VERSION}, "models": [\n'
        return opening + ",\n".join(lines) + "\n]}\n"

    @classmethod
    def from_json(cls, text: str) -> Index:
        """Parse what `to_json` wrote.

        Raises:
            WeightsIndexError: Not JSON, of another format or version, or with a damaged entry.
        """
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise WeightsIndexError(f"an index must be JSON text ({error})") from error
        if not isinstance(data, dict) or data.get("format") != INDEX_FORMAT:
            raise WeightsIndexError(f"an index must be a JSON object of format {INDEX_FORMAT!r}")
        if data.get("version") != INDEX_VERSION:
            raise WeightsIndexError(
                f"`version` of an index must be {INDEX_VERSION} (got {data.get('version')!r}); "
                "a newer bnas-zoo may read it"
            )
        if set(data) != {"format", "version", "models"} or not isinstance(data["models"], list):
            raise WeightsIndexError(
                f"an index must have format, version and a list of models (got {sorted(data)})"
            )
        return cls(_entry_from(each) for each in data["models"])


@functools.cache
def bundled_index() -> Index:
    """Return the index that is installed with the package.

    Raises:
        WeightsIndexError: The installation is damaged.
    """
    return read_index(INDEX_PATH)


def read_index(path: Path) -> Index:
    """Read an index.

    Raises:
        WeightsIndexError: Missing or damaged.
    """
    try:
        return Index.from_json(path.read_text(encoding="utf-8"))
    except (ZooError, OSError, UnicodeDecodeError) as error:
        raise WeightsIndexError(
            f"the index of models {str(path)!r} cannot be used ({error})", path=path
        ) from error


def list_models(*, trained: bool | None = None) -> tuple[str, ...]:
    """Return the names of the zoo's models.

    Args:
        trained: True for those that have weights, False for those that do not yet; None for all.
    """
    return bundled_index().names(trained=trained)


def find_entry(name: str) -> Entry:
    """Return the index entry of ``"BNAS-E"`` or of ``"BNAS-E.tag"``, in upper or lower case.

    Raises:
        UnknownModelError: The zoo has no such model or tag; the nearest names are listed.
    """
    return bundled_index().find(name)


def card(name: str) -> Card:
    """Return the card of ``"BNAS-E"`` or of ``"BNAS-E.tag"``, in upper or lower case.

    Raises:
        UnknownModelError: The zoo has no such model or tag; the nearest names are listed.
    """
    return find_entry(name).card


def entry_for_file(
    path: Path, card: Card, *, home: Home = "weights", url: str | None = None
) -> Entry:
    """Return the entry for a weights file, its SHA-256 and size measured.

    Raises:
        WeightsFileError: The file is missing or damaged.
        WeightsIndexError: The card is of an untrained model or has no tag.
    """
    read_weights(path)
    card = attrs.evolve(card, sha256=file_sha256(path), size_bytes=path.stat().st_size)
    return Entry(card=card, file=path.name, home=home, url=url)


def register(entry: Entry, *, default: bool = True, index_path: Path = INDEX_PATH) -> Index:
    """Write `entry` into the index of a checkout.

    To ship trained weights: save them as ``data/NAME.safetensors`` beside the index (or in the
    checkout's ``weights`` folder), then ``register(entry_for_file(path, card, home="wheel"))``.

    Args:
        entry: The weights.
        default: As of `Index.with_entry`.
        index_path: The index to change.

    Raises:
        WeightsIndexError: A file that is said to be in the wheel is not beside the index.
        SaveError: The index cannot be written; the old one is intact.
    """
    if entry.home == "wheel" and not (index_path.parent / str(entry.file)).is_file():
        raise WeightsIndexError(
            f"{entry.file!r} must lie beside the index, in {str(index_path.parent)!r}, "
            "to travel in the wheel",
            path=index_path,
        )
    index = read_index(index_path).with_entry(entry, default=default)
    return write_index(index, index_path)


def write_index(index: Index, path: Path = INDEX_PATH) -> Index:
    """Write an index and return it.

    Raises:
        SaveError: It cannot be written; the old one is intact.
    """
    write_atomically(path, index.to_json().encode())
    bundled_index.cache_clear()
    return index


def weights_path(file: str, home: Home, index_path: Path = INDEX_PATH) -> Path:
    """Return where a weights file belongs: beside the index, or in a folder of its checkout.

    Raises:
        WeightsIndexError: The index lies in no checkout.
    """
    checkout = checkout_of(index_path)
    if checkout is None:
        raise WeightsIndexError(
            f"the zoo is changed in a checkout of the sources; {str(index_path)!r} lies in none",
            path=index_path,
        )
    return index_path.parent / file if home == "wheel" else checkout / "weights" / file


def checkout_of(file: Path) -> Path | None:
    """Return the root of the source tree that a file of this package lies in, if it does."""
    for parent in file.resolve().parents:
        if (parent / "packages" / "zoo" / "pyproject.toml").is_file():
            return parent
    return None


def _entry_from(data: Any) -> Entry:
    known = {"card", "file", "home", "url"}
    if not isinstance(data, Mapping) or set(data) != known:
        got: Iterable[str] = sorted(data) if isinstance(data, Mapping) else type(data).__name__
        raise WeightsIndexError(f"an entry must have exactly {sorted(known)} (got {got})")
    try:
        return Entry(**{**data, "card": Card.from_dict(data["card"])})
    except CardError as error:
        raise WeightsIndexError(f"an entry has a card that cannot be used ({error})") from error
