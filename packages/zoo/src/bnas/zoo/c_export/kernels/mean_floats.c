/* Mean over all pixels, for every channel. */
static void mean_floats(int32_t pixels, int32_t channels, const float *source, int32_t source_step,
                        float *target)
{
    int32_t pixel, i;
    for (i = 0; i < channels; ++i) {
        double sum = 0.0;
        for (pixel = 0; pixel < pixels; ++pixel)
            sum += (double)source[pixel * source_step + i];
        target[i] = (float)(sum / (double)pixels);
    }
}
