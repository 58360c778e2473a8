"""How the drawings look: colours, type sizes and distances, in points (1/72 inch)."""

from __future__ import annotations

from attrs import frozen


@frozen
class Tone:
    """Colours of a kind of box, and what the legend calls it.

    Attributes:
        fill: Colour of the inside.
        border: Colour of the outline.
        text: Colour of the label.
        name: Entry of the legend; empty for a box that explains itself.
        dashed: Whether the outline is dashed.
    """

    fill: str
    border: str
    text: str
    name: str = ""
    dashed: bool = False


INK = "#2b2f36"
MUTED = "#737985"
SKIP = "#cf2e2e"
PAPER = "#ffffff"

# Hues a reader with any of the common colour deficiencies can tell apart by lightness or by the
# label inside; the layers that compute are saturated, Zeroise recedes.
TONES: dict[str, Tone] = {
    "binary_conv": Tone("#d8e7f8", "#2f6db3", "#173a61", "binary convolution"),
    "dilated_binary_conv": Tone("#d5efe6", "#23866a", "#0f4839", "dilated binary convolution"),
    "separable_conv": Tone("#d3eff5", "#1b7f95", "#0b424f", "separable binary convolution"),
    "dilated_separable_conv": Tone(
        "#e4f0cf", "#66871f", "#34470c", "dilated separable binary convolution"
    ),
    "grouped_conv": Tone("#dfe1f9", "#4c55b5", "#262c66", "grouped binary convolution"),
    "dilated_grouped_conv": Tone(
        "#e9ecd6", "#7d7c2e", "#424115", "dilated grouped binary convolution"
    ),
    "identity": Tone("#fbd0e8", "#c2348a", "#6e1549", "intra-cell skip connection"),
    "max_pool": Tone("#fdebc8", "#c4841d", "#65430c", "max pool"),
    "avg_pool": Tone("#ece2f6", "#7a55a8", "#432b63", "average pool"),
    "real_conv": Tone("#fbdedd", "#b93a36", "#6a1c1a", "real-valued convolution"),
    "zeroise": Tone("#f4f4f5", "#a9adb4", "#7b808a", "Zeroise: puts out zeros", dashed=True),
    "state": Tone("#ffffff", "#2b2f36", "#2b2f36"),
    "unused": Tone("#ffffff", "#a9adb4", "#7b808a"),
    "sum": Tone("#ffffff", "#2b2f36", "#2b2f36"),
    "concat": Tone("#eceef1", "#4b515c", "#2b2f36"),
    "zero": Tone("#f4f4f5", "#a9adb4", "#7b808a", dashed=True),
}

LABEL_SIZE = 8.5
SMALL_SIZE = 7.0
TITLE_SIZE = 11.0
HEADING_SIZE = 15.0

LINE_WIDTH = 1.1
SKIP_WIDTH = 1.6
BORDER_WIDTH = 1.0

#: Widest label on one line; a longer one is broken in two.
WRAP_WIDTH = 104.0
BOX_PADDING = 9.0
LINE_HEIGHT = 11.0
BOX_HEIGHT = 23.0
SUM_RADIUS = 8.5
SLOT_WIDTH = 58.0
#: Least horizontal distance of two boxes, of a box and a line, of two lines.
BOX_GAP = 16.0
#: Height of the arrowheads, and of the straight stub that leads into each.
ARROW = 5.0
#: Least and largest height between two rows.
ROW_GAP = 23.0
MAX_ROW_GAP = 58.0
#: Height between the rows of a cell that is a chain of layers.
CHAIN_GAP = 36.0
#: Least height of the lines before, between and after the layers on a skip connection.
LANE_STEP = 20.0
#: Most that is added to it to make a cell as high as the one beside it.
MAX_STRETCH = 90.0
LANE_GAP = 24.0
#: Least distance of the two inputs beyond that of other boxes.
STATE_GAP = 20.0
MARGIN = 18.0
