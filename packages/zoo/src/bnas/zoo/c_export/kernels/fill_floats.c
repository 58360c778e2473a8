/* Zeros in some channels of every pixel. */
static void fill_floats(int32_t pixels, int32_t channels, float *target, int32_t target_step)
{
    int32_t pixel, i;
    for (pixel = 0; pixel < pixels; ++pixel)
        for (i = 0; i < channels; ++i)
            target[pixel * target_step + i] = 0.0f;
}
