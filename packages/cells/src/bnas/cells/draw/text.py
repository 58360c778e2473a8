"""Width of text before it is painted: layout has no font, so it allows for a wide one."""

from __future__ import annotations

# Advance of the characters of DejaVu Sans, the widest face a viewer is likely to have, in em.
# Bold is a sixth wider at most.
_NARROW = dict.fromkeys("ijlI.,:;|'/ ()-·[]ftr1", 0.42)
_WIDE = dict.fromkeys("mwMW@%+=×−→", 0.98)
_BOLD = 1.16


def text_width(text: str, size: float, bold: bool = False) -> float:
    """Return an upper estimate of the width of one line of text, in points.

    Args:
        text: One line.
        size: Type size in points.
        bold: Whether the face is bold.
    """
    ems = sum(_NARROW.get(letter) or _WIDE.get(letter, 0.645) for letter in text)
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
