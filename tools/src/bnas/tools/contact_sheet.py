"""`contact_sheet`: photos and what a network says of them, on one picture."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from bnas.zoo.atomic_file import write_atomically
from bnas.zoo.images import read_image

# Lengths in pixels of the finished picture.
_COLUMNS = 7
_PHOTO = 184
_CARD_WIDTH, _CARD_HEIGHT = _PHOTO + 24, _PHOTO + 94
_GAP, _MARGIN = 16, 32
_HEAD, _FOOT = 92, 56
_PAPER, _CARD, _EDGE = "#f3f4f6", "#ffffff", "#d8dce2"
_INK, _FAINT, _TRACK = "#1c2430", "#667080", "#e6e9ee"
_RIGHT, _WRONG = "#15803d", "#c81e2b"
#: Shapes are painted this much larger and scaled down, which smooths their edges.
_OVERSAMPLING = 3


@dataclass(frozen=True)
class Tile:
    """A photo of the sheet.

    Attributes:
        path: The photo.
        label: What it shows.
        predicted: What the network says that it shows.
        confidence: How sure the network is, 0 to 1.
    """

    path: Path
    label: str
    predicted: str
    confidence: float

    @property
    def is_right(self) -> bool:
        """Whether the network is right."""
        return self.predicted == self.label


def contact_sheet(tiles: Sequence[Tile], title: str, footer: str) -> Image.Image:
    """Paint photos, enlarged, each with the network's answer: green if right, red if not.

    Args:
        tiles: The photos, at least one.
        title: Large line above them.
        footer: Small line below them.

    Returns:
        An image of mode RGB; its size depends on the number of photos only.
    """
    columns = min(_COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    width = 2 * _MARGIN + columns * (_CARD_WIDTH + _GAP) - _GAP
    height = _HEAD + rows * (_CARD_HEIGHT + _GAP) - _GAP + _FOOT
    sheet = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((_MARGIN, 34), title, _INK, _font(28), anchor="ls", stroke_width=0.4)
    _subtitle(draw, tiles)
    for place, tile in enumerate(tiles):
        row, column = divmod(place, columns)
        left = _MARGIN + column * (_CARD_WIDTH + _GAP)
        sheet.paste(_card(tile), (left, _HEAD + row * (_CARD_HEIGHT + _GAP)))
    draw.text((_MARGIN, height - 24), footer, _FAINT, _font(16), anchor="ls")
    return sheet


def save_picture(picture: Image.Image, path: Path) -> None:
    """Write a picture as PNG, whole or not at all.

    Raises:
        SaveError: The file cannot be written; what was there before is intact.
    """
    content = io.BytesIO()
    picture.save(content, "PNG")
    write_atomically(path, content.getvalue())


def _subtitle(draw: ImageDraw.ImageDraw, tiles: Sequence[Tile]) -> None:
    right = sum(tile.is_right for tile in tiles)
    font, x, y = _font(18), float(_MARGIN), 66
    for text, colour in (
        (f"{right} right", _RIGHT),
        (f"   {len(tiles) - right} wrong", _WRONG),
        (f"   of {len(tiles)} photos; the bar is the network's confidence", _FAINT),
    ):
        draw.text((x, y), text, colour, font, anchor="ls")
        x += draw.textlength(text, font)


def _card(tile: Tile) -> Image.Image:
    colour = _RIGHT if tile.is_right else _WRONG
    card = _rounded((_CARD_WIDTH, _CARD_HEIGHT), 14, _CARD, _PAPER, _EDGE)
    card.paste(_photo(tile.path), (12, 12))
    draw = ImageDraw.Draw(card)
    top, right = 12 + _PHOTO, _CARD_WIDTH - 14
    share = f"{100 * tile.confidence:.0f} %"
    draw.text((right, top + 30), share, _INK, _font(17), anchor="rs")
    room = right - 14 - draw.textlength(share, _font(17)) - 8
    name = _fitting(draw, tile.predicted, 21, room)
    draw.text((14, top + 30), tile.predicted, colour, name, anchor="ls", stroke_width=0.4)
    _bar(card, (14, top + 42), tile.confidence, colour)
    verdict = "right" if tile.is_right else "wrong"  # in words too: not everybody sees the colours
    draw.text((right, top + 70), verdict, colour, _font(15), anchor="rs")
    room = right - 14 - draw.textlength(verdict, _font(15)) - 8
    truth = f"label: {tile.label}"
    small = _fitting(draw, truth, 15, room)
    draw.text((14, top + 70), truth, _FAINT, small, anchor="ls")
    return card


def _photo(path: Path) -> Image.Image:
    photo = ImageOps.fit(read_image(path), (_PHOTO, _PHOTO), Image.Resampling.BICUBIC)
    framed = Image.new("RGB", photo.size, _CARD)
    framed.paste(photo, mask=_corners(photo.size, 8))
    return framed


def _bar(card: Image.Image, corner: tuple[int, int], share: float, colour: str) -> None:
    width, height = _CARD_WIDTH - 28, 8
    card.paste(_rounded((width, height), height / 2, _TRACK, _CARD), corner)
    length = max(height, round(width * share))
    card.paste(Image.new("RGB", (length, height), colour), corner, _corners((length, height), 4))


def _rounded(
    size: tuple[int, int], radius: float, fill: str, outside: str, edge: str | None = None
) -> Image.Image:
    panel = Image.new("RGB", size, outside)
    panel.paste(Image.new("RGB", size, edge or fill), mask=_corners(size, radius))
    if edge is not None:
        inner = (size[0] - 2, size[1] - 2)
        panel.paste(Image.new("RGB", inner, fill), (1, 1), _corners(inner, radius - 1))
    return panel


def _corners(size: tuple[int, int], radius: float) -> Image.Image:
    """Return a mask of mode L: a rectangle with round corners and smooth edges."""
    large = (size[0] * _OVERSAMPLING, size[1] * _OVERSAMPLING)
    mask = Image.new("L", large, 0)
    box = (0, 0, large[0] - 1, large[1] - 1)
    ImageDraw.Draw(mask).rounded_rectangle(box, radius * _OVERSAMPLING, fill=255)
    return mask.resize(size, Image.Resampling.BOX)


def _fitting(
    draw: ImageDraw.ImageDraw, text: str, size: int, room: float
) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return the largest font up to `size` in which `text` is no longer than `room`."""
    while size > 8 and draw.textlength(text, _font(size)) > room:
        size -= 1
    return _font(size)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)  # the font that Pillow carries: the same on every machine
