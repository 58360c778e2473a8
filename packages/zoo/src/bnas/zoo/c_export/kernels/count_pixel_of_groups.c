/* The same for groups of channels: every output reads the words that its group lies in, masked. */
struct group_conv {
    const uint32_t *image;      /* (in_height, in_width, in_words) */
    const uint32_t *weights;    /* (out_channels, taps, span): the words of its group */
    const uint32_t *masks;      /* (groups, span): which of their bits are the group's */
    const int32_t *first_words; /* (groups): the first of them */
    int32_t in_height, in_width, in_words, span, group_inputs, group_outputs, out_channels;
    int32_t kernel, stride, padding, dilation;
};

/* Sets `counts` to the sums of signs of one pixel, for every output channel. */
static void count_pixel_of_groups(const struct group_conv *conv, int32_t y, int32_t x)
{
    const int32_t kernel = conv->kernel, dilation = conv->dilation, span = conv->span;
    const int32_t top = y * conv->stride - conv->padding, left = x * conv->stride - conv->padding;
    int32_t first_row, last_row, first_column, last_column, row, column, i, output;
    taps_inside(top, conv->in_height, kernel, dilation, &first_row, &last_row);
    taps_inside(left, conv->in_width, kernel, dilation, &first_column, &last_column);
    for (output = 0; output < conv->out_channels; ++output) {
        const int32_t group = output / conv->group_outputs;
        const uint32_t *masks = conv->masks + group * span;
        const uint32_t *weights = conv->weights + output * kernel * kernel * span;
        uint32_t sum = 0;
        for (row = first_row; row < last_row; ++row)
            for (column = first_column; column < last_column; ++column) {
                const int32_t pixel =
                    (top + row * dilation) * conv->in_width + left + column * dilation;
                const uint32_t *tap =
                    conv->image + pixel * conv->in_words + conv->first_words[group];
                for (i = 0; i < span; ++i) {
                    const uint32_t differ =
                        (tap[i] ^ weights[(row * kernel + column) * span + i]) & masks[i];
                    const uint32_t partial = PARTIAL_COUNT(differ);
                    sum += WHOLE_COUNT(partial);
                }
            }
        counts[output] =
            (last_row - first_row) * (last_column - first_column) * conv->group_inputs -
            2 * (int32_t)sum;
    }
}
