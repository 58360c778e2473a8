/* ReLU. */
static void relu_floats(int32_t pixels, int32_t channels, const float *source, int32_t source_step,
                        float *target, int32_t target_step)
{
    int32_t pixel, i;
    for (pixel = 0; pixel < pixels; ++pixel)
        for (i = 0; i < channels; ++i) {
            const float value = source[pixel * source_step + i];
            target[pixel * target_step + i] = value > 0.0f ? value : 0.0f;
        }
}
