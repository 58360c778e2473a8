/* Batch norm of scaled counts, stored, or added to what is there. */
static void affine_counts(int32_t channels, const float *scale, const float *multiplier,
                          const float *offset, float *target, int adds)
{
    int32_t i;
    for (i = 0; i < channels; ++i) {
        const float scaled = (float)counts[i] * scale[i], product = scaled * multiplier[i];
        const float value = product + offset[i];
        target[i] = adds ? target[i] + value : value;
    }
}
