/* Maximum or mean of the taps inside the image; sums go down the columns first. */
static void pool_floats(const struct window *w, const float *source, float *target, int is_max)
{
    int32_t y, x, i, row, column, first_row, last_row, first_column, last_column;
    for (y = 0; y < w->out_height; ++y)
        for (x = 0; x < w->out_width; ++x) {
            const int32_t top = y * w->stride - w->padding, left = x * w->stride - w->padding;
            const int32_t down = w->dilation * w->in_width * w->in_step;
            float *pooled = target + (y * w->out_width + x) * w->out_step;
            taps_inside(top, w->in_height, w->kernel, w->dilation, &first_row, &last_row);
            taps_inside(left, w->in_width, w->kernel, w->dilation, &first_column, &last_column);
            for (i = 0; i < w->channels; ++i) {
                float all = 0.0f;
                for (column = first_column; column < last_column; ++column) {
                    const int32_t pixel =
                        (top + first_row * w->dilation) * w->in_width + left + column * w->dilation;
                    const float *tap = source + pixel * w->in_step + i;
                    float line = tap[0];
                    for (row = 1; row < last_row - first_row; ++row) {
                        const float value = tap[row * down];
                        line = !is_max ? line + value : value > line ? value : line;
                    }
                    if (column == first_column)
                        all = line;
                    else
                        all = !is_max ? all + line : line > all ? line : all;
                }
                if (!is_max)
                    all /= (float)((last_row - first_row) * (last_column - first_column));
                pooled[i] = all;
            }
        }
}
