/* A convolution of signs, bit 1 = +1 and bit 0 = -1. A pixel is a run of words, 32 channels each;
 * the bits behind the last channel are 0 in the image and in the weights, so they never differ. A
 * tap outside the image counts as 0, neither +1 nor -1: it is left out. */
struct binary_conv {
    const uint32_t *image;   /* (in_height, in_width, in_words) */
    const uint32_t *weights; /* blocks of 8 outputs, the last filled up: (taps, in_words, 8) */
    int32_t in_height, in_width, in_words, in_channels, out_channels;
    int32_t kernel, stride, padding, dilation;
};

/* Adds to the sums of some outputs of a block how many bits of `count` words differ from their
 * weights. */
static inline void add_mismatches(const uint32_t *words, const uint32_t *weights, int32_t count,
                                  uint32_t *sums)
{
    while (count > 0) {
        const int32_t some = count < 31 ? count : 31;
        uint32_t partial[BIT_LANES] = {0};
        int32_t i, j;
        for (i = 0; i < some; ++i)
            for (j = 0; j < BIT_LANES; ++j)
                partial[j] += PARTIAL_COUNT(words[i] ^ weights[8 * i + j]);
        for (j = 0; j < BIT_LANES; ++j)
            sums[j] += WHOLE_COUNT(partial[j]);
        words += some;
        weights += 8 * some;
        count -= some;
    }
}

/* Sets `counts` to the sums of signs of one pixel, for every output channel, and for those that fill
 * up the last block to something. */
static void count_pixel(const struct binary_conv *conv, int32_t y, int32_t x)
{
    const int32_t words = conv->in_words, kernel = conv->kernel, dilation = conv->dilation;
    const int32_t top = y * conv->stride - conv->padding, left = x * conv->stride - conv->padding;
    const uint32_t *weights = conv->weights;
    int32_t first_row, last_row, first_column, last_column, row, column, i, output, length = 0;
    int32_t runs, run, signs, first, step;
    taps_inside(top, conv->in_height, kernel, dilation, &first_row, &last_row);
    taps_inside(left, conv->in_width, kernel, dilation, &first_column, &last_column);
    for (row = first_row; row < last_row; ++row)
        for (column = first_column; column < last_column; ++column) {
            const int32_t pixel = (top + row * dilation) * conv->in_width + left + column * dilation;
            const uint32_t *tap = conv->image + pixel * words;
            for (i = 0; i < words; ++i)
                patch[length++] = tap[i];
        }
    runs = last_row - first_row;
    run = (last_column - first_column) * words;
    signs = runs * (last_column - first_column) * conv->in_channels;
    first = (first_row * kernel + first_column) * words;
    step = kernel * words;
    if (run == step) { /* whole rows of taps follow each other */
        run *= runs;
        runs = runs > 0;
    }
    for (output = 0; output < conv->out_channels; output += BIT_LANES) {
        const uint32_t *from = weights + 8 * first + output % 8, *bits = patch;
        uint32_t sums[BIT_LANES] = {0};
        for (row = 0; row < runs; ++row) {
            add_mismatches(bits, from, run, sums);
            bits += run;
            from += 8 * step;
        }
        for (i = 0; i < BIT_LANES; ++i)
            counts[output + i] = signs - 2 * (int32_t)sums[i];
        if ((output + BIT_LANES) % 8 == 0)
            weights += 8 * kernel * step;
    }
}
