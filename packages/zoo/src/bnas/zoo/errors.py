"""The exceptions of `bnas.zoo`: each is a builtin kind of error too and carries its values."""

from __future__ import annotations

from collections.abc import Iterable

from bnas.cells.errors import UnknownNameError


class ZooError(Exception):
    """Base of every error that this package raises on purpose.

    Args:
        message: One line: what is wrong, what was got, what is allowed or helps.
        **values: The values at fault; each is also an attribute of the exception.
    """

    def __init__(self, message: str, **values: object) -> None:
        """Keep the values as attributes."""
        super().__init__(message)
        self.__dict__.update(values)


def listed(names: Iterable[str], most: int) -> str:
    """Return at most `most` names for a message, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return (", ".join(names[:most]) or "none") + more


class ImageError(ZooError, ValueError):
    """Something that is no photo, or none that can be read; `path` is None for an array."""


class PreprocessingError(ZooError, ValueError):
    """A size, mean or deviation that no image can be prepared with."""


class CardError(ZooError, ValueError):
    """A model card with a missing, unknown, mistyped or contradictory field."""


class WeightsIndexError(ZooError, ValueError):
    """The list of models and weights is damaged, or would be by a change of it; has `path`."""


class UnknownModelError(ZooError, UnknownNameError):
    """No model, or no weights of a model, has this name; has `name` and `known`."""

    def __init__(self, name: object, known: Iterable[str]) -> None:
        """Propose the nearest of the `known` names."""
        UnknownNameError.__init__(self, "model", name, known)


class UntrainedModelError(ZooError, LookupError):
    """The model is known but nobody has trained it yet; has `name` and `trained`, the others."""


class WeightsFileError(ZooError, ValueError):
    """A file that holds no weights of this format, or damaged ones; has `path`."""


class ChecksumError(WeightsFileError):
    """A file is not the one that is meant; has `path`, `expected` and `actual` (SHA-256)."""


class SaveError(ZooError, OSError):
    """A file could not be written; what was there before is intact. Has `path`."""


class WeightsNotFoundError(ZooError, FileNotFoundError):
    """The weights are in none of the places looked at; has `file` and `places`."""


class OfflineError(WeightsNotFoundError):
    """The weights would have to be fetched, and BNAS_OFFLINE forbids it."""


class DownloadError(WeightsNotFoundError):
    """The weights are in none of the local places and could not be fetched."""


class CacheError(ZooError, OSError):
    """The cache folder cannot be written to; has `path`."""


class SettingError(ZooError, ValueError):
    """An environment variable has a value that means nothing; has `variable` and `value`."""


class ParametersError(ZooError, ValueError):
    """Tensors that are not those of the network; may have `missing` and `extra`."""


class OfficialImportError(ZooError, ValueError):
    """A checkpoint that is not one of the authors' networks, or of another one than named."""


class ImagesError(ZooError, ValueError):
    """An array of images that the network cannot take; may have `shape`."""


class DeviceError(ZooError, ValueError):
    """A device that there is not, or images that are on another one; has `device`."""


class ExportError(ZooError, ValueError):
    """A name or a size that a network cannot be exported with."""


class AnswersError(ZooError, ValueError):
    """A file that answers cannot be added to: damaged, of something else, in use; has `path`."""


class EvaluationError(ZooError, ValueError):
    """A directory that no accuracy can be measured on; may have `directory` and `unknown`."""


class MissingExtraError(ZooError, ImportError):
    """An optional dependency that is not installed; has `extra`, which brings it."""

    def __init__(self, what: str, extra: str) -> None:
        """Say what needs it, and how to get it."""
        super().__init__(f"{what} need more: pip install 'bnas-zoo[{extra}]'", extra=extra)
