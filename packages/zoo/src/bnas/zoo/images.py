"""From a photo to what a network reads: `read_image` and `prepare`.

Any format, size and mode goes in (grey, transparent, palette, CMYK, 16 bits, turned by EXIF); what
comes out is upright RGB of 8 bits, then float32 of one size. A file that is no photo, or that would
fill the memory, is refused in one line before it is decoded.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import threading
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from bnas.zoo.errors import ImageError
from bnas.zoo.preprocessing import Preprocessing

ImageSource = str | os.PathLike[str] | Image.Image | npt.NDArray[np.uint8]

#: Larger photos are refused before they are decoded: 300 MB as RGB, beyond any camera's frame.
LIMIT_MEGAPIXELS = 100
#: A longer strip is first cut to this many times its width, about its centre, which is all that
#: the centre crop sees: a picture of 1 x 100,000,000 pixels must not grow with its short side.
LIMIT_ASPECT = 16

#: What counts as a photo in a directory; everything else is passed over.
PHOTO_SUFFIXES = (
    ".jpg", ".jpeg", ".png", ".webp", ".bmp", ".ppm", ".pgm", ".tif", ".tiff",
)  # fmt: skip

# Value of the EXIF tag "Orientation" -> what turns the picture upright.
_ORIENTATION_TAG = 0x0112
_UPRIGHT: dict[int | None, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
# `warnings.catch_warnings` changes the whole process: two threads inside it would leave it changed.
_WARNINGS = threading.Lock()


def photos_in(folder: Path) -> list[Path]:
    """Return the photos below a directory, by their names, in order; links to others are not gone.

    Raises:
        ImageError: A directory that cannot be listed.
    """

    def refuse(error: OSError) -> None:
        raise ImageError(
            f"the directory {error.filename!r} cannot be listed ({error.strerror})",
            path=Path(error.filename),
        ) from error

    return sorted(
        Path(above, name)
        for above, _, names in os.walk(folder, onerror=refuse)
        for name in names
        if name.lower().endswith(PHOTO_SUFFIXES) and not name.startswith(".")
    )


def read_image(source: ImageSource) -> Image.Image:
    """Read a photo as upright RGB.

    Args:
        source: A file (JPEG, PNG, WebP and what else Pillow reads), an image of Pillow, or a uint8
            array of shape (H, W), (H, W, 3) or (H, W, 4). Of an animation the first frame is taken,
            transparent parts lie on white, 16 bits a channel are scaled to 8, EXIF's orientation is
            applied.

    Returns:
        An image of mode RGB that carries no metadata.

    Raises:
        ImageError: Missing, a directory, empty, damaged, no image, or over 100 megapixels.
    """
    if isinstance(source, Image.Image):
        return _decoded(source, None)
    if isinstance(source, np.ndarray):
        return _decoded(_from_array(source), None)
    if not isinstance(source, str | os.PathLike):
        raise ImageError(
            f"a photo must be a path, an image of Pillow or a uint8 array "
            f"(got {type(source).__name__})",
            path=None,
        )
    path = Path(source)
    _check_file(path)
    try:
        with _pillow_silent():
            image = Image.open(path)
    except Image.DecompressionBombError as error:
        pixels = re.search(r"\d+", str(error))
        raise _too_large(int(pixels[0]) if pixels else None, path) from error
    except Exception as error:  # Pillow's readers raise anything on a damaged header
        raise ImageError(
            f"{str(path)!r} is no image that can be read, or a damaged one ({_one_line(error)})",
            path=path,
        ) from error
    with image:
        return _decoded(image, path)


def prepare(source: ImageSource, preprocessing: Preprocessing) -> npt.NDArray[np.float32]:
    """Read a photo, resize its short side, cut out its centre and normalise it.

    Args:
        source: Whatever `read_image` takes.
        preprocessing: Sizes in pixels, mean and deviation.

    Returns:
        float32 of shape (3, H, W) with H = W = `preprocessing.size`, channels red, green, blue:
        (pixel / 255 - mean) / std.

    Raises:
        ImageError: See `read_image`.
    """
    image = _resized(read_image(source), preprocessing)
    size = preprocessing.size
    left, top = round((image.width - size) / 2), round((image.height - size) / 2)
    image = image.crop((left, top, left + size, top + size))
    pixels = np.asarray(image, dtype=np.float32).transpose(2, 0, 1) / np.float32(255)
    mean = np.array(preprocessing.mean, dtype=np.float32)[:, None, None]
    std = np.array(preprocessing.std, dtype=np.float32)[:, None, None]
    return np.ascontiguousarray((pixels - mean) / std)


def prepare_batch(
    sources: Iterable[ImageSource], preprocessing: Preprocessing
) -> npt.NDArray[np.float32]:
    """Prepare several photos as one batch.

    Returns:
        float32 of shape (N, 3, H, W); N may be 0.

    Raises:
        ImageError: See `read_image`.
    """
    side = preprocessing.size
    images = [prepare(source, preprocessing) for source in sources]
    return np.stack(images) if images else np.empty((0, 3, side, side), dtype=np.float32)


def _resized(image: Image.Image, preprocessing: Preprocessing) -> Image.Image:
    short, long = sorted(image.size)
    if long > LIMIT_ASPECT * short:
        width, height = (min(side, LIMIT_ASPECT * short) for side in image.size)
        left, top = (image.width - width) // 2, (image.height - height) // 2
        image = image.crop((left, top, left + width, top + height))
    # The long side is cut to a whole pixel, as torchvision's Resize does: evaluations agree.
    width, height = (preprocessing.resize * side // short for side in image.size)
    return image.resize((width, height), _FILTERS[preprocessing.interpolation])


def _check_file(path: Path) -> None:
    """Refuse what is no file with something in it; opening a pipe would wait for ever."""
    name = repr(str(path))
    try:
        found = path.stat()
    except FileNotFoundError as error:
        raise ImageError(f"no such file: {name}", path=path) from error
    except (OSError, ValueError) as error:
        raise ImageError(f"cannot open {name} ({_one_line(error)})", path=path) from error
    if stat.S_ISDIR(found.st_mode):
        raise ImageError(f"{name} is a directory, not a photo", path=path)
    if not stat.S_ISREG(found.st_mode):
        raise ImageError(f"{name} is no regular file", path=path)
    if not os.access(path, os.R_OK):
        raise ImageError(f"cannot read {name} (permission denied)", path=path)
    if found.st_size == 0:
        raise ImageError(f"{name} is empty (0 bytes)", path=path)


def _decoded(image: Image.Image, path: Path | None) -> Image.Image:
    name = "the image" if path is None else repr(str(path))
    if image.width * image.height > LIMIT_MEGAPIXELS * 1_000_000:
        raise _too_large(image.width * image.height, path)
    if 0 in image.size:
        raise ImageError(f"{name} has no pixels (got {image.width}x{image.height})", path=path)
    if image.format == "EPS":
        # Pillow would hand the file to Ghostscript: a program, not a picture.
        raise ImageError(f"{name} is PostScript, which is not read", path=path)
    try:
        image.load()
        upright = _UPRIGHT.get(_orientation(image))
        rgb = _as_rgb(image)
    except ImageError as error:
        raise ImageError(f"{name} {error}", path=path) from error
    except Exception as error:  # Pillow's decoders raise anything on damaged data
        raise ImageError(
            f"{name} is truncated or damaged, or of a kind that is not read ({_one_line(error)})",
            path=path,
        ) from error
    if upright is not None:
        rgb = rgb.transpose(upright)
    # Else a second reading of this very image would turn it again.
    rgb.info = {}
    return rgb


def _orientation(image: Image.Image) -> int | None:
    """Return EXIF's orientation; damaged metadata costs the turn, not the photo."""
    try:
        with _pillow_silent():
            return image.getexif().get(_ORIENTATION_TAG)
    except Exception:  # as above: any kind of error
        return None


def _as_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F" or image.mode.startswith("I"):
        image = Image.fromarray(_eight_bits(image))
    if not image.has_transparency_data:
        return image.copy() if image.mode == "RGB" else image.convert("RGB")
    # Premultiplied alpha has to be undone before: Pillow knows no direct way from La.
    plain = {"La": "LA", "RGBa": "RGBA"}.get(image.mode, image.mode)
    image = image.convert(plain).convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")


def _eight_bits(image: Image.Image) -> npt.NDArray[np.uint8]:
    """Scale grey values of 16 bits, of 32 bits or in float to 0..255.

    Integers run from 0 to 65535: so Pillow and cameras use even 32 of them. Float has no such rule;
    the full scale is the first of 1, 255 and 65535 that no value exceeds.
    """
    values = np.asarray(image)
    least, greatest = float(values.min()), float(values.max())
    if not (least >= 0 and greatest <= 65535):  # false for NaN too
        raise ImageError(
            f"of mode {image.mode} has values from {least:g} to {greatest:g}; allowed: 0 to 65535"
        )
    scales = (1, 255, 65535) if image.mode == "F" else (65535,)
    scale = next(scale for scale in scales if greatest <= scale)
    scaled: npt.NDArray[np.float32] = np.rint(values.astype(np.float32) * np.float32(255 / scale))
    return scaled.astype(np.uint8)


def _from_array(array: npt.NDArray[Any]) -> Image.Image:
    grey_or_colour = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))
    if array.dtype != np.uint8 or not grey_or_colour:
        raise ImageError(
            "an array must be uint8 of shape (H, W), (H, W, 3) or (H, W, 4) "
            f"(got {array.dtype}, shape {array.shape})",
            path=None,
        )
    if 0 in array.shape:
        raise ImageError(f"the array has no pixels (got shape {array.shape})", path=None)
    return Image.fromarray(np.ascontiguousarray(array))


def _too_large(pixels: int | None, path: Path | None) -> ImageError:
    name = "the image" if path is None else repr(str(path))
    got = "" if pixels is None else f" (got {pixels / 1e6:.1f})"
    return ImageError(
        f"{name} has more than the {LIMIT_MEGAPIXELS} megapixels allowed{got}; "
        "make it smaller first",
        path=path,
        pixels=pixels,
        limit_megapixels=LIMIT_MEGAPIXELS,
    )


@contextlib.contextmanager
def _pillow_silent() -> Iterator[None]:
    """Keep Pillow's warnings back: of sizes, which are checked here, and of unused metadata."""
    with _WARNINGS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
