/* RPReLU: prelu(x - shift_in; slope) + shift_out. */
static void rprelu_floats(int32_t pixels, int32_t channels, const float *source,
                          int32_t source_step, float *target, int32_t target_step,
                          const float *shift_in, const float *slope, const float *shift_out)
{
    int32_t pixel, i;
    for (pixel = 0; pixel < pixels; ++pixel)
        for (i = 0; i < channels; ++i) {
            const float shifted = source[pixel * source_step + i] - shift_in[i];
            const float bent = shifted >= 0.0f ? shifted : shifted * slope[i];
            target[pixel * target_step + i] = bent + shift_out[i];
        }
}
