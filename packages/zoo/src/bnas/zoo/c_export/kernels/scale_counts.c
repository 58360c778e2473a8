/* What floats a convolution of signs makes: stored, or added to what is there. */
static void scale_counts(int32_t channels, const float *scale, float *target, int adds)
{
    int32_t i;
    for (i = 0; i < channels; ++i) {
        const float value = (float)counts[i] * scale[i];
        target[i] = adds ? target[i] + value : value;
    }
}
