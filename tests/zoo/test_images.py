"""Any photo goes in; upright RGB or one clear line comes out."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from bnas.zoo.errors import ImageError
from bnas.zoo.images import prepare, prepare_batch, read_image
from bnas.zoo.photos import bundled_photos
from bnas.zoo.preprocessing import Preprocessing

PLAIN = Preprocessing(size=32, mean=(0, 0, 0), std=(1, 1, 1))
ORIENTATION = 0x0112


def pixels_of(image: Image.Image) -> list[tuple[int, ...]]:
    return [tuple(pixel) for pixel in np.asarray(image).reshape(-1, 3).tolist()]


def noise(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds no pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b""))


def refused(source: object, *words: str) -> ImageError:
    with pytest.raises(ImageError) as caught:
        read_image(source)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message
    return caught.value


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "BMP"])
@pytest.mark.parametrize("size", [(1, 1), (32, 32), (7, 301), (640, 480)])
def test_lossless_formats_give_their_pixels(
    kind: str, size: tuple[int, int], tmp_path: Path
) -> None:
    pixels = noise(*size)
    path = tmp_path / "photo"
    Image.fromarray(pixels).save(path, kind, **({"lossless": True} if kind == "WEBP" else {}))
    image = read_image(path)
    assert image.mode == "RGB"
    assert np.array_equal(np.asarray(image), pixels)
    assert np.array_equal(np.asarray(read_image(str(path))), pixels)


def test_bundled_jpegs_are_read() -> None:
    for photo in bundled_photos():
        image = read_image(photo.path)
        assert np.array_equal(np.asarray(image), np.asarray(Image.open(photo.path)))


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("1", 1, (255, 255, 255)),
        ("L", 77, (77, 77, 77)),
        ("LA", (77, 255), (77, 77, 77)),
        ("LA", (0, 0), (255, 255, 255)),
        ("La", (0, 0), (255, 255, 255)),
        ("RGBA", (10, 20, 30, 255), (10, 20, 30)),
        ("RGBA", (0, 0, 0, 0), (255, 255, 255)),
        ("RGBA", (255, 0, 0, 51), (255, 204, 204)),
        ("RGBa", (0, 0, 0, 0), (255, 255, 255)),
        ("CMYK", (0, 255, 255, 0), (255, 0, 0)),
        ("YCbCr", (255, 128, 128), (255, 255, 255)),
        ("HSV", (0, 0, 200), (200, 200, 200)),
        ("I", 257 * 77, (77, 77, 77)),
        ("I;16", 257 * 77, (77, 77, 77)),
        ("I;16B", 257 * 77, (77, 77, 77)),
        ("I", 200, (1, 1, 1)),  # dark, not 8 bits
        ("I;16", 200, (1, 1, 1)),
        ("F", 0.5, (128, 128, 128)),
        ("F", 77.0, (77, 77, 77)),
        ("F", 65535.0, (255, 255, 255)),
    ],
)
def test_every_mode_becomes_rgb(mode: str, colour: object, expected: tuple[int, ...]) -> None:
    image = read_image(Image.new(mode, (3, 2), colour))
    assert (image.mode, image.size) == ("RGB", (3, 2))
    assert set(pixels_of(image)) == {expected}


def test_transparent_palette_lies_on_white(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putdata([0, 1])
    for name, transparency in (("index.png", 1), ("values.png", b"\xff\x00")):
        image.save(tmp_path / name, transparency=transparency)
        read = read_image(tmp_path / name)
        assert pixels_of(read) == [(10, 20, 30), (255, 255, 255)]


def test_transparent_colour_lies_on_white(tmp_path: Path) -> None:
    pixels = np.array([[[1, 2, 3], [4, 5, 6]]], dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "key.png", transparency=(4, 5, 6))
    read = read_image(tmp_path / "key.png")
    assert pixels_of(read) == [(1, 2, 3), (255, 255, 255)]


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
def test_sixteen_bits_are_scaled(suffix: str, tmp_path: Path) -> None:
    """Scaled by 257, rounded: neither cut at 255 nor stretched to the photo's own range."""
    values = np.array([[0, 128, 129, 257 * 100, 40000, 65535]], dtype=np.uint16)
    if suffix == "pgm":  # Older versions of Pillow read it, and do not write it.
        (tmp_path / "deep.pgm").write_bytes(b"P5 6 1 65535\n" + values.astype(">u2").tobytes())
    else:
        Image.fromarray(values).save(tmp_path / f"deep.{suffix}")
    grey = np.asarray(read_image(tmp_path / f"deep.{suffix}"))[0, :, 0]
    assert grey.tolist() == [0, 0, 1, 100, 156, 255]


@pytest.mark.parametrize(
    "values",
    [
        np.array([[-1.0, 0.5]], dtype=np.float32),
        np.array([[0.0, 70000.0]], dtype=np.float32),
        np.array([[0.0, np.nan]], dtype=np.float32),
        np.array([[0.0, np.inf]], dtype=np.float32),
        np.array([[0, 65536]], dtype=np.int32),
    ],
)
def test_values_without_a_scale_are_refused(values: np.ndarray) -> None:
    refused(Image.fromarray(values), "values from", "allowed: 0 to 65535")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation_is_applied_once(orientation: int, kind: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = tmp_path / "turned"
    Image.fromarray(noise(20, 30)).save(path, kind, exif=exif)
    with Image.open(path) as opened:
        expected = np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))
    assert (expected.shape[0] == 30) == (orientation >= 5)
    upright = read_image(path)
    assert np.array_equal(np.asarray(upright), expected)
    with Image.open(path) as opened:
        assert np.array_equal(np.asarray(read_image(opened)), expected)
    assert np.array_equal(np.asarray(read_image(upright)), expected)


def test_damaged_exif_costs_no_photo(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    Image.fromarray(noise(8, 8)).save(path, exif=b"Exif\0\0MM\0*\0\0\xff\xffnonsense")
    assert read_image(path).size == (8, 8)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_first_frame_of_an_animation(kind: str, tmp_path: Path) -> None:
    frames = [Image.new("RGB", (5, 4), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if kind == "WEBP" else {}
    frames[0].save(
        tmp_path / "moving", kind, save_all=True, append_images=frames[1:], duration=50, **options
    )
    assert set(pixels_of(read_image(tmp_path / "moving"))) == {(255, 0, 0)}


def test_reading_leaves_the_given_image_alone() -> None:
    image = Image.fromarray(noise(4, 4, 4))
    before = image.tobytes()
    result = read_image(image)
    result.putpixel((0, 0), (1, 2, 3))
    rgb = Image.fromarray(noise(4, 4))
    read_image(rgb).paste("black", (0, 0, 4, 4))
    assert (image.mode, image.tobytes()) == ("RGBA", before)
    assert np.array_equal(np.asarray(rgb), noise(4, 4))


def test_arrays_are_photos() -> None:
    colour, grey, clear = noise(6, 5), noise(6, 5, 1), noise(6, 5, 4)
    assert np.array_equal(np.asarray(read_image(colour)), colour)
    assert np.array_equal(np.asarray(read_image(colour[::-1, ::2])), colour[::-1, ::2])
    assert np.array_equal(np.asarray(read_image(grey)), np.stack([grey] * 3, axis=2))
    clear[..., 3] = 255
    assert np.array_equal(np.asarray(read_image(clear)), clear[..., :3])


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((2, 2), np.float32),
        np.zeros((2, 2, 2), np.uint8),
        np.zeros((3, 4, 4, 3), np.uint8),
        np.zeros(4, np.uint8),
        np.zeros((2, 2), bool),
    ],
)
def test_other_arrays_are_refused(array: np.ndarray) -> None:
    refused(array, "must be uint8", str(array.dtype), str(array.shape))


def test_nothing_is_no_photo() -> None:
    refused(np.zeros((0, 4, 3), np.uint8), "no pixels")
    refused(Image.new("RGB", (0, 4)), "no pixels", "0x4")
    refused(12, "int")
    refused(None, "NoneType")


def test_files_that_are_none(tmp_path: Path) -> None:
    assert refused(tmp_path / "none.jpg", "no such file", "none.jpg").path == tmp_path / "none.jpg"
    refused(tmp_path, "directory")
    empty = tmp_path / "empty.png"
    empty.touch()
    refused(empty, "empty")
    text = tmp_path / "a\nname.jpg"
    text.write_text("this is no photo\n" * 10)
    refused(text, "is no image", r"a\nname.jpg")
    refused("a\0b.jpg", "cannot open")
    refused("x" * 5000, "cannot open")


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "no regular file")


def test_postscript_is_not_run(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "photo.eps")
    refused(tmp_path / "photo.eps", "PostScript")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF"])
@pytest.mark.parametrize("part", [0.05, 0.5, 0.95])
def test_truncated_files_are_refused(kind: str, part: float, tmp_path: Path) -> None:
    whole = io.BytesIO()
    Image.fromarray(noise(64, 64)).save(whole, kind)
    cut = whole.getvalue()[: int(part * whole.tell())]
    (tmp_path / "cut").write_bytes(cut)
    assert refused(tmp_path / "cut", "cut").path == tmp_path / "cut"


@pytest.mark.parametrize("size", [(10_001, 10_000), (20_000, 10_000), (60_000, 60_000)])
def test_size_is_checked_in_the_header(size: tuple[int, int], tmp_path: Path) -> None:
    (tmp_path / "huge.png").write_bytes(png_header(*size))
    error = refused(tmp_path / "huge.png", "100 megapixels", f"{size[0] * size[1] / 1e6:.1f}")
    assert (error.pixels, error.limit_megapixels) == (size[0] * size[1], 100)


def test_200_megapixels_are_refused_without_memory(tmp_path: Path) -> None:
    """A photo that could really be decoded, to 200 MB and more, in an interpreter of its own."""
    path = tmp_path / "huge.png"
    Image.new("1", (20_000, 10_000)).save(path)
    script = (
        "import resource, sys\n"
        "from bnas.zoo.images import read_image\n"
        "def peak_kib(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = peak_kib()\n"
        "try: read_image(sys.argv[1])\n"
        "except ValueError as error: sys.stdout.write(str(error))\n"
        "sys.stdout.write(f'|{peak_kib() - before}')\n"
    )
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True)
    message, _, grown_kib = done.stdout.partition("|")
    assert "200.0" in message, done.stderr
    assert int(grown_kib) < 50_000


def test_threads_read_at_once(tmp_path: Path) -> None:
    """Pillow's warnings are held back for the whole process: reading in threads must not leak."""
    import warnings

    (tmp_path / "huge.png").write_bytes(png_header(10_001, 10_000))
    filters = list(warnings.filters)
    threads = [threading.Thread(target=refused, args=(tmp_path / "huge.png",)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings.filters == filters


@st.composite
def damaged_photos(draw: st.DrawFn) -> bytes:
    """A real photo in one of several formats, with some bytes overwritten or its end cut."""
    kind = draw(st.sampled_from(["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"]))
    file = io.BytesIO()
    Image.fromarray(noise(12, 12)).save(file, kind)
    data = bytearray(file.getvalue())
    for _ in range(draw(st.integers(0, 8))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(0, len(data)))])


@pytest.mark.filterwarnings("ignore")  # Pillow's own, about what it finds while decoding
@given(damaged_photos())
def test_damaged_photos_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(data)
    try:
        assert read_image(path).mode == "RGB"
    except ImageError as error:
        assert "\n" not in str(error)


def test_prepare_normalises_a_channel_at_a_time() -> None:
    how = Preprocessing(size=32, mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 0.125))
    pixels = noise(32, 32)
    prepared = prepare(pixels, how)
    assert (prepared.dtype, prepared.shape) == (np.float32, (3, 32, 32))
    assert prepared.flags.c_contiguous
    for channel in range(3):
        expected = (pixels[..., channel] / 255 - how.mean[channel]) / how.std[channel]
        assert np.allclose(prepared[channel], expected, atol=1e-6)


@pytest.mark.parametrize(("extent", "first"), [(32, 0), (33, 0), (35, 2), (64, 16), (100, 34)])
def test_prepare_cuts_out_the_centre(extent: int, first: int) -> None:
    wide, tall = noise(32, extent), noise(extent, 32)
    expected = wide[:, first : first + 32].transpose(2, 0, 1) / np.float32(255)
    assert np.array_equal(prepare(wide, PLAIN), expected)
    expected = tall[first : first + 32].transpose(2, 0, 1) / np.float32(255)
    assert np.array_equal(prepare(tall, PLAIN), expected)


def test_prepare_resizes_with_a_margin() -> None:
    """The outer eighth of the short side is cut off, as with 256 pixels for 224."""
    how = Preprocessing(size=28, resize=32, mean=(0, 0, 0), std=(1, 1, 1))
    pixels = np.zeros((320, 320, 3), np.uint8)
    pixels[20:-20, 20:-20] = 255
    inner = prepare(pixels, how)
    assert inner[:, 1:-1, 1:-1].min() == 1
    assert prepare(pixels, PLAIN)[:, 0].max() == 0


def test_prepare_averages_what_it_drops() -> None:
    board = np.indices((320, 320)).sum(axis=0) % 2 * np.uint8(255)
    prepared = prepare(board.astype(np.uint8), PLAIN)
    assert np.abs(prepared - 0.5).max() < 0.03


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(1, 1), (3, 50), (500, 40), (64, 64), (1000, 37)])
def test_prepare_takes_any_size(size: tuple[int, int], interpolation: str) -> None:
    how = Preprocessing(
        size=32, resize=36, interpolation=interpolation, mean=(0, 0, 0), std=(1, 1, 1)
    )
    prepared = prepare(np.full((*size, 3), 51, np.uint8), how)
    assert prepared.shape == (3, 32, 32)
    assert np.allclose(prepared, 0.2)


def test_interpolations_differ() -> None:
    bicubic = Preprocessing(size=32, interpolation="bicubic", mean=(0, 0, 0), std=(1, 1, 1))
    pixels = noise(50, 50)
    assert not np.array_equal(prepare(pixels, PLAIN), prepare(pixels, bicubic))


@pytest.mark.parametrize("shape", [(1, 4_000_000), (4_000_000, 1)])
def test_a_long_strip_does_not_fill_the_memory(shape: tuple[int, int]) -> None:
    """Resized whole it would have 32 x 128,000,000 pixels."""
    pixels = np.zeros(shape, np.uint8)
    pixels.ravel()[1_999_999:2_000_001] = 255
    assert prepare(pixels, PLAIN)[0, 15:17, 15:17].min() > 0.9


def test_batches_are_stacked() -> None:
    photos = [photo.path for photo in bundled_photos()]
    batch = prepare_batch(photos, PLAIN)
    assert (batch.shape, batch.dtype) == ((len(photos), 3, 32, 32), np.float32)
    for path, prepared in zip(photos, batch, strict=True):
        assert np.array_equal(prepare(path, PLAIN), prepared)
    assert prepare_batch([], PLAIN).shape == (0, 3, 32, 32)
