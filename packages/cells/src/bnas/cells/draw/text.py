"""Width of text before it is painted: layout has no font, so it allows for a wide one."""

from __future__ import annotations

# Upper bounds of the advances of DejaVu Sans, in em; most other sans-serif faces are narrower.
_ADVANCES = {
    0.32: " ,.·'ijlIJ",
    0.415: "/:;|f-()[]t!r",
    0.535: "*_sz?",
    0.60: "cLFkvxy",
    0.64: "PTYoaeEhnuSbdgpq$0123456789",
    0.715: "KAVXZBRC",
    0.79: "UNHDG&OQ",
    0.85: "w#+<=>^~×−",
}
_ADVANCE = {letter: advance for advance, letters in _ADVANCES.items() for letter in letters}
_WIDEST = 1.0
_BOLD = 1.19


def text_width(text: str, size: float, bold: bool = False) -> float:
    """Return an upper estimate of the width of one line of text, in points.

    Args:
        text: One line.
        size: Type size in points.
        bold: Whether the face is bold.
    """
    ems = sum(_ADVANCE.get(letter, _WIDEST) for letter in text)
    return size * ems * (_BOLD if bold else 1.0)


def break_label(label: str, size: float, max_width: float) -> tuple[str, ...]:
    """Return the label as one line, or as the two lines that make the narrowest box.

    Args:
        label: Words separated by blanks.
        size: Type size in points.
        max_width: Widest single line in points.
    """
    words = label.split(" ")
    if text_width(label, size) <= max_width or len(words) == 1:
        return (label,)
    splits = [(" ".join(words[:cut]), " ".join(words[cut:])) for cut in range(1, len(words))]
    return min(splits, key=lambda lines: max(text_width(line, size) for line in lines))
