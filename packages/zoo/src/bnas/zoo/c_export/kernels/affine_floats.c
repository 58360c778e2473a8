/* A batch norm that no sign follows. */
static void affine_floats(int32_t pixels, int32_t channels, const float *source,
                          int32_t source_step, float *target, int32_t target_step,
                          const float *multiplier, const float *offset)
{
    int32_t pixel, i;
    for (pixel = 0; pixel < pixels; ++pixel)
        for (i = 0; i < channels; ++i) {
            const float product = source[pixel * source_step + i] * multiplier[i];
            target[pixel * target_step + i] = product + offset[i];
        }
}
