"""The numbers that a convolution kernel reads first: where in the array each is.

One int32 array holds them, and behind them all tables of integers. So a kernel has few arguments,
and one compiled kernel serves every image size.
"""

from __future__ import annotations

IN_HEIGHT = 0
IN_WIDTH = 1
OUT_HEIGHT = 2
OUT_WIDTH = 3
STRIDE_Y = 4
STRIDE_X = 5
PADDING_Y = 6
PADDING_X = 7
DILATION_Y = 8
DILATION_X = 9
KERNEL_HEIGHT = 10
KERNEL_WIDTH = 11
#: Output channels, without those that fill up tiles.
CHANNELS = 12
#: Output channels, with them.
TABLE_CHANNELS = 13
#: Steps of the loop over taps and words.
CHUNKS = 14
SOURCE = 15
#: Number of sets of columns with the same taps inside the image.
COLUMN_SETS = 16
#: Where the set of every output row, and of every output column, is.
ROW_SET = 17
COLUMN_SET = 18
#: Table int32 [row sets, column sets, table channels], added to every count.
BORDER = 19
#: Tables of the comparisons of counts, int32 [comparisons, table channels].
THRESHOLDS = 20
#: Flips of all comparisons, words [comparisons, ceil(table channels / 32)].
FLIPS = 21
#: Of each comparison: first word, words a pixel, first word of a pixel.
WORD_PLACES = 22
#: Of counts and floats: first value, steps to the next image, pixel and channel.
COUNT_PLACE = 23
FLOAT_PLACE = 27
#: Input channels, outputs, and words of a group; 1 group has all of them.
GROUP_CHANNELS = 31
GROUP_OUTPUTS = 32
#: Table of words [groups, words of a group]: the bits that are channels of the group.
GROUP_MASKS = 33
#: Output channels of a block: a multiple of a tile's.
BLOCK_COLUMNS = 34
#: Even, as all tables behind it.
LENGTH = 36
