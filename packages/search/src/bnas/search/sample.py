"""`unpack_sample`: a few training images that come with the package, for demonstrations."""

from __future__ import annotations

import secrets
import shutil
import zipfile
from importlib import resources
from pathlib import Path

from bnas.search.errors import DataError, reason_of

_ARCHIVE = "cifar10-sample.zip"


def unpack_sample(directory: str | Path) -> Path:
    """Unpack 600 training images of CIFAR-10, 60 a class, as ``directory/train/<class>/<image>``.

    Args:
        directory: Where to; one that is there is taken as it is.

    Returns:
        The directory, which `load_training_data` reads.

    Raises:
        DataError: Nothing can be written there.

    References:
        Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009; see
        ``sample_images/SOURCES.md``.
    """
    target = Path(directory)
    if (target / "train").is_dir():
        return target
    # Whole or not at all: half a sample would be taken as it is the next time.
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    archive = resources.files("bnas.search") / "sample_images" / _ARCHIVE
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open("rb") as file, zipfile.ZipFile(file) as images:
            images.extractall(draft)
        draft.rename(target)
    except OSError as error:
        raise DataError(f"{target} cannot be written ({reason_of(error)})", target) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return target
