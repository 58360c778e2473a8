"""Finding the weights file of a model on this machine, or fetching it.

Places, in order: the file named by the caller; ``BNAS_WEIGHTS`` (a directory, or a base URL, also
``file:``); the wheel; the cache (``BNAS_HOME``, else ``XDG_CACHE_HOME/bnas``, else
``~/.cache/bnas``); the folder ``weights`` of a checkout; the URL of the index. With
``BNAS_OFFLINE=1`` nothing is fetched. Whatever is found must have the SHA-256 that the index
states; only the file named by the caller may be any. Of several processes that need the same file
one fetches it, and the others wait.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.request import url2pathname

from bnas.zoo.checksum import as_path, check_is_file, check_sha256
from bnas.zoo.download import Progress, UnreachableError, fetch, unusable
from bnas.zoo.errors import (
    CacheError,
    DownloadError,
    OfflineError,
    SettingError,
    UntrainedModelError,
    WeightsNotFoundError,
)
from bnas.zoo.fetch_lock import sole_fetcher
from bnas.zoo.index import PACKAGE_DATA, Entry, checkout_of, find_entry, list_models
from bnas.zoo.official import OFFICIAL_MODELS


def resolve(
    name: str, weights: str | os.PathLike[str] | None = None, *, progress: Progress | None = None
) -> tuple[Entry, Path]:
    """Return the index entry of a model and the path of its weights; see `locate`.

    Raises:
        UnknownModelError: The zoo has no such model or tag; the nearest names are listed.
    """
    entry = find_entry(name)
    return entry, locate(entry, weights, progress=progress)


def locate(
    entry: Entry, weights: str | os.PathLike[str] | None = None, *, progress: Progress | None = None
) -> Path:
    """Return the path of a model's weights file, fetched into the cache if need be.

    Args:
        entry: The model.
        weights: A file to use instead; it may have any SHA-256.
        progress: Shows a download; nothing is shown by default.

    Raises:
        UntrainedModelError: There are no weights of the model, and none were named.
        WeightsFileError: The file named is missing, a directory, or no path.
        ChecksumError: A file was found, or sent by a server, that is not the one meant.
        WeightsNotFoundError: The file is nowhere; OfflineError and DownloadError are such too.
        CacheError: The cache folder cannot be written to.
        SettingError: ``BNAS_WEIGHTS`` is neither a directory nor such a URL.
    """
    if weights is not None:
        path = as_path(weights, "weights")
        check_is_file(path)
        return path
    if not entry.card.trained:
        raise untrained(entry)
    tried: list[str] = []
    kind = WeightsNotFoundError
    for place in _places(entry):
        if isinstance(place, Path):
            if os.path.lexists(place):
                check_sha256(place, str(entry.card.sha256))
                return place
            tried.append(str(place))
        elif is_offline():
            kind = OfflineError
            tried.append(f"{place} (not asked: BNAS_OFFLINE is set)")
        else:
            try:
                return _fetched(place, entry, progress)
            except UnreachableError as error:
                kind = DownloadError
                tried.append(f"{place} ({error})")
    raise _not_found(entry, kind, tried)


def _fetched(url: str, entry: Entry, progress: Progress | None) -> Path:
    """Return the cached file once this process, or another one meanwhile, has fetched it."""
    target = cached_path(entry)
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(sole_fetcher(target))
        except OSError as error:
            raise unusable(target.parent, error) from error
        if os.path.lexists(target):
            check_sha256(target, str(entry.card.sha256))
            return target
        return fetch(url, target, entry.card, progress=progress)


def cache_folder() -> Path:
    """Return the folder in which fetched files are kept; it need not exist yet.

    Raises:
        CacheError: No variable names one and the user has no home directory.
    """
    if home := os.environ.get("BNAS_HOME"):
        return Path(os.path.expanduser(home))
    base = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(base):  # the XDG rule: a relative path is to be ignored
        return Path(base) / "bnas"
    try:
        return Path.home() / ".cache" / "bnas"
    except RuntimeError as error:
        raise CacheError(
            "this user has no home directory for a cache; set BNAS_HOME to a folder", path=None
        ) from error


def cached_path(entry: Entry) -> Path:
    """Return where the cache keeps a model's file: two versions of it lie side by side."""
    return cache_folder() / "weights" / str(entry.card.sha256)[:16] / str(entry.file)


def is_offline() -> bool:
    """Return whether ``BNAS_OFFLINE`` forbids to fetch anything."""
    return os.environ.get("BNAS_OFFLINE", "").lower() not in ("", "0", "false", "no", "off")


def _places(entry: Entry) -> Iterator[Path | str]:
    """Yield files and URLs in the order in which they are looked at."""
    file = str(entry.file)
    named = _named_source()
    if isinstance(named, Path):
        yield named / file
    elif named is not None:
        yield cached_path(entry)  # what that URL gave before
        yield f"{named.rstrip('/')}/{file}"
    if entry.home == "wheel":
        yield PACKAGE_DATA / file
    if not isinstance(named, str):
        yield cached_path(entry)
    if (checkout := checkout_of(Path(__file__))) is not None:
        yield checkout / "weights" / file
    if entry.url is not None:
        yield entry.url


def _named_source() -> Path | str | None:
    """Return the directory or the base URL that ``BNAS_WEIGHTS`` names."""
    value = os.environ.get("BNAS_WEIGHTS", "")
    if not value:
        return None
    scheme, is_url, rest = value.partition("://")
    if is_url and scheme.lower() in ("http", "https") and rest.strip("/"):
        return value
    path: Path | None = None
    if not is_url:
        path = Path(os.path.expanduser(value))
    elif scheme.lower() == "file":
        host, slash, below = rest.partition("/")
        if slash and host in ("", "localhost"):  # two slashes and a folder would name a host
            path = Path(url2pathname(f"/{below}"))
    if path is None or not path.is_dir():
        raise SettingError(
            "BNAS_WEIGHTS must be a directory that exists, or a URL of http, https or file "
            f"(got {value!r}); a single file is passed as weights=PATH",
            variable="BNAS_WEIGHTS",
            value=value,
        )
    return path


def untrained(entry: Entry) -> UntrainedModelError:
    """Return the error for a model that nobody has trained: what there is, and how to get more."""
    name, trained = entry.card.name, list_models(trained=True)
    ways = [f"train it (`bnas-tools train --model {name}`)"]
    if name in OFFICIAL_MODELS:
        ways.append(f"import the authors' checkpoint (`bnas-tools import CKPT --model {name}`)")
    return UntrainedModelError(
        f"{name} is not trained yet: the zoo has no weights of it "
        f"(models with weights: {', '.join(trained) or 'none'}); to get some, {' or '.join(ways)}, "
        "then name their file: weights=PATH",
        name=name,
        trained=trained,
    )


def _not_found(
    entry: Entry, kind: type[WeightsNotFoundError], tried: list[str]
) -> WeightsNotFoundError:
    why = {
        OfflineError: "is not on this machine, and BNAS_OFFLINE forbids to fetch it",
        DownloadError: "is not on this machine and could not be fetched",
        WeightsNotFoundError: "was not found",
    }[kind]
    return kind(
        f"{entry.file!r}, the weights of {entry.card.full_name}, {why}; looked for: "
        f"{', '.join(tried)}. Set BNAS_WEIGHTS to a directory or base URL that has it, or pass "
        "weights=PATH",
        file=entry.file,
        places=tuple(tried),
    )
