/* Max pooling of bits: OR of the taps inside the image, AND where the batch norm behind it falls. */
static void pool_bits(const struct window *w, const uint32_t *source, const uint32_t *falls,
                      uint32_t *target)
{
    int32_t y, x, i, row, column, first_row, last_row, first_column, last_column;
    for (y = 0; y < w->out_height; ++y)
        for (x = 0; x < w->out_width; ++x) {
            const int32_t top = y * w->stride - w->padding, left = x * w->stride - w->padding;
            taps_inside(top, w->in_height, w->kernel, w->dilation, &first_row, &last_row);
            taps_inside(left, w->in_width, w->kernel, w->dilation, &first_column, &last_column);
            for (i = 0; i < w->out_step; ++i) {
                uint32_t any = 0, all = 0xFFFFFFFFu;
                for (row = first_row; row < last_row; ++row)
                    for (column = first_column; column < last_column; ++column) {
                        const int32_t pixel =
                            (top + row * w->dilation) * w->in_width + left + column * w->dilation;
                        any |= source[pixel * w->in_step + i];
                        all &= source[pixel * w->in_step + i];
                    }
                target[(y * w->out_width + x) * w->out_step + i] =
                    (any & ~falls[i]) | (all & falls[i]);
            }
        }
}
