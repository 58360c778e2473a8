"""The exceptions of this package: each is a builtin kind of error and a `BinopsError`."""

from __future__ import annotations


class BinopsError(Exception):
    """Base of every error that this package raises on purpose.

    Args:
        message: One sentence: what is wrong, what was got, what is allowed.
        **values: The offending values; each is also an attribute of the exception.
    """

    def __init__(self, message: str, **values: object) -> None:
        """Keep the values as attributes."""
        super().__init__(message)
        self.__dict__.update(values)


class BitTensorError(BinopsError, ValueError):
    """Packed data does not keep the bit convention."""


class NanError(BinopsError, ValueError):
    """A NaN has no sign; `index` is the position of the first one."""


class ShapeError(BinopsError, ValueError):
    """The shape of an argument does not fit the others."""


class DtypeError(BinopsError, TypeError):
    """The type of an argument is not one that has signs, or not the one that is needed."""


class DeviceError(BinopsError, ValueError):
    """Arrays of one call live in different memories: of the host, or of several GPUs."""


class GeometryError(BinopsError, ValueError):
    """Stride, padding, dilation, groups or kernel are not possible for this input."""


class EpilogueError(BinopsError, ValueError):
    """An epilogue is unknown, or its values do not fit the convolution."""


class ThreadsError(BinopsError, ValueError):
    """The number of threads is not one that Numba was started with."""


class UnknownBackendError(BinopsError, ValueError):
    """No backend has this name."""


class BackendUnavailableError(BinopsError, RuntimeError):
    """The backend exists, but this machine or installation cannot run it."""


class MissingExtraError(BinopsError, ImportError):
    """An optional dependency is not installed; the message names the extra."""
