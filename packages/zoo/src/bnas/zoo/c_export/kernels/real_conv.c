/* A convolution with real weights. They are kept as the bits of float16 where that loses nothing,
 * half of the flash, and widened a panel at a time: some taps for 16 outputs, once for all pixels.
 * The multipliers of batch norms go in there too, with the rounding of the packed network, and the
 * products are summed in its order. */
struct real_conv {
    const float *source; /* (in_height, in_width), in_step floats from pixel to pixel */
    float *target;       /* (out_height, out_width), out_step floats from pixel to pixel */
    /* One of the two: of every group blocks of 16 outputs, the last may have fewer:
     * (group_inputs, kernel, kernel, 16). */
    const uint16_t *halves;
    const float *singles;
    const float *input_scale, *output_scale, *bias; /* a value a channel, or NULL */
    int32_t in_height, in_width, in_step, out_height, out_width, out_step;
    int32_t groups, group_inputs, group_outputs;
    int32_t kernel, stride, padding, dilation;
    int relu;
};

/* What the rows of the panel multiply: floats from a window's first one, rows and columns. */
struct tap {
    int32_t offset, row, column;
};
static float panel[16 * PANEL_TAPS];
static struct tap taps[PANEL_TAPS];

static inline float widened(uint16_t half)
{
    union {
        uint32_t bits;
        float value;
    } number;
    number.bits = (half & 0x7FFFu) << 13;
    number.value *= 0x1p112f; /* the exponents' offset */
    number.bits |= (half & 0x8000u) << 16;
    return number.value;
}

/* Sets the panel to `count` taps from `first` on for `width` outputs, whose weights begin at
 * `index`, and `taps` to where they look. */
static void widen_panel(const struct real_conv *conv, int32_t index, int32_t first, int32_t count,
                        int32_t first_input, int32_t first_output, int32_t width)
{
    const int32_t kernel = conv->kernel;
    int32_t input = first_input + first / (kernel * kernel), row = first / kernel % kernel;
    int32_t column = first % kernel, i, j;
    float scales[16];
    for (j = 0; j < 16; ++j)
        scales[j] = conv->output_scale && j < width ? conv->output_scale[first_output + j] : 1.0f;
    for (i = 0; i < count; ++i) {
        const float scale = conv->input_scale ? conv->input_scale[input] : 1.0f;
        float *weights = panel + 16 * i;
        taps[i].row = row * conv->dilation;
        taps[i].column = column * conv->dilation;
        taps[i].offset = (taps[i].row * conv->in_width + taps[i].column) * conv->in_step + input;
        if (conv->halves && width == 16) {
            const uint16_t *halves = conv->halves + index + 16 * i;
            for (j = 0; j < 16; ++j)
                weights[j] = widened(halves[j]);
        } else {
            for (j = 0; j < 16; ++j) {
                const int32_t at = index + i * width + j;
                weights[j] = 0.0f;
                if (j < width)
                    weights[j] = conv->halves ? widened(conv->halves[at]) : conv->singles[at];
            }
        }
        for (j = 0; j < 16; ++j)
            weights[j] = weights[j] * scale * scales[j];
        if (++column == kernel) {
            column = 0;
            if (++row == kernel) {
                row = 0;
                ++input;
            }
        }
    }
}

static inline void read_sums(const float *from, int32_t width, float *sums)
{
    int32_t j;
    if (width >= REAL_LANES)
        for (j = 0; j < REAL_LANES; ++j)
            sums[j] = from[j];
    else
        for (j = 0; j < REAL_LANES; ++j)
            sums[j] = j < width ? from[j] : 0.0f;
}

static inline void write_sums(const float *sums, int32_t width, float *to)
{
    int32_t j;
    if (width >= REAL_LANES)
        for (j = 0; j < REAL_LANES; ++j)
            to[j] = sums[j];
    else
        for (j = 0; j < width; ++j)
            to[j] = sums[j];
}

/* Adds the products of four neighbouring pixels, all of whose taps lie inside the image, for at
 * most REAL_LANES outputs, whose weights are those of the panel from column `lane` on. */
static void add_products_4(const struct real_conv *conv, const float *source, int32_t count,
                           float *target, int32_t lane, int32_t width)
{
    const int32_t next = conv->stride * conv->in_step, out = conv->out_step;
    float sums_0[REAL_LANES], sums_1[REAL_LANES], sums_2[REAL_LANES], sums_3[REAL_LANES];
    int32_t i, j;
    read_sums(target, width, sums_0);
    read_sums(target + out, width, sums_1);
    read_sums(target + 2 * out, width, sums_2);
    read_sums(target + 3 * out, width, sums_3);
    for (i = 0; i < count; ++i) {
        const float *values = source + taps[i].offset, *weights = panel + 16 * i + lane;
        const float value_0 = values[0], value_1 = values[next];
        const float value_2 = values[2 * next], value_3 = values[3 * next];
        for (j = 0; j < REAL_LANES; ++j) {
            sums_0[j] = MULTIPLY_ADD(value_0, weights[j], sums_0[j]);
            sums_1[j] = MULTIPLY_ADD(value_1, weights[j], sums_1[j]);
            sums_2[j] = MULTIPLY_ADD(value_2, weights[j], sums_2[j]);
            sums_3[j] = MULTIPLY_ADD(value_3, weights[j], sums_3[j]);
        }
    }
    write_sums(sums_0, width, target);
    write_sums(sums_1, width, target + out);
    write_sums(sums_2, width, target + 2 * out);
    write_sums(sums_3, width, target + 3 * out);
}

/* The same for one pixel, of whose taps some may lie outside: they are 0. */
static void add_products_1(const struct real_conv *conv, int32_t top, int32_t left, int32_t count,
                           float *target, int32_t lane, int32_t width)
{
    const int32_t start = (top * conv->in_width + left) * conv->in_step;
    float sums[REAL_LANES];
    int32_t i, j;
    read_sums(target, width, sums);
    for (i = 0; i < count; ++i) {
        const int32_t y = top + taps[i].row, x = left + taps[i].column;
        if (y >= 0 && y < conv->in_height && x >= 0 && x < conv->in_width) {
            const float value = conv->source[start + taps[i].offset];
            const float *weights = panel + 16 * i + lane;
            for (j = 0; j < REAL_LANES; ++j)
                sums[j] = MULTIPLY_ADD(value, weights[j], sums[j]);
        }
    }
    write_sums(sums, width, target);
}

/* Adds what the panel contributes to some outputs of every pixel. */
static void add_panel(const struct real_conv *conv, int32_t count, int32_t output, int32_t lane,
                      int32_t width)
{
    const int32_t reach = (conv->kernel - 1) * conv->dilation, stride = conv->stride;
    int32_t y, x;
    for (y = 0; y < conv->out_height; ++y) {
        const int32_t top = y * stride - conv->padding;
        const int is_inside = top >= 0 && top + reach < conv->in_height;
        float *target = conv->target + y * conv->out_width * conv->out_step + output;
        for (x = 0; x < conv->out_width;) {
            const int32_t left = x * stride - conv->padding;
            if (is_inside && x + 4 <= conv->out_width && left >= 0 &&
                left + 3 * stride + reach < conv->in_width) {
                const int32_t start = (top * conv->in_width + left) * conv->in_step;
                add_products_4(conv, conv->source + start, count, target, lane, width);
                x += 4;
                target += 4 * conv->out_step;
            } else {
                add_products_1(conv, top, left, count, target, lane, width);
                ++x;
                target += conv->out_step;
            }
        }
    }
}

static void real_conv(const struct real_conv *conv)
{
    const int32_t pixels = conv->out_height * conv->out_width;
    const int32_t channels = conv->groups * conv->group_outputs;
    const int32_t depth = conv->group_inputs * conv->kernel * conv->kernel;
    int32_t group, output, first, pixel, i, index = 0;
    for (pixel = 0; pixel < pixels; ++pixel)
        for (i = 0; i < channels; ++i)
            conv->target[pixel * conv->out_step + i] = conv->bias ? conv->bias[i] : 0.0f;
    for (group = 0; group < conv->groups; ++group)
        for (output = 0; output < conv->group_outputs; output += 16) {
            const int32_t rest = conv->group_outputs - output, width = rest < 16 ? rest : 16;
            const int32_t place = group * conv->group_outputs + output;
            for (first = 0; first < depth; first += PANEL_TAPS) {
                const int32_t left = depth - first, count = left < PANEL_TAPS ? left : PANEL_TAPS;
                widen_panel(conv, index, first, count, group * conv->group_inputs, place, width);
                for (i = 0; i < width; i += REAL_LANES)
                    add_panel(conv, count, place + i, i, width - i);
                index += count * width;
            }
        }
    if (conv->relu)
        for (pixel = 0; pixel < pixels; ++pixel)
            for (i = 0; i < channels; ++i) {
                float *value = conv->target + pixel * conv->out_step + i;
                *value = *value > 0.0f ? *value : 0.0f;
            }
}
