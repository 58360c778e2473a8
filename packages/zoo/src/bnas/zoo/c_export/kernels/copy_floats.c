/* Some channels of every pixel, copied or added to others. */
static void copy_floats(int32_t pixels, int32_t channels, const float *source, int32_t source_step,
                        float *target, int32_t target_step, int adds)
{
    int32_t pixel, i;
    for (pixel = 0; pixel < pixels; ++pixel)
        for (i = 0; i < channels; ++i) {
            float *value = target + pixel * target_step + i;
            *value = adds ? *value + source[pixel * source_step + i]
                          : source[pixel * source_step + i];
        }
}
