/* RPReLU of scaled counts, stored, or added to what is there. */
static void rprelu_counts(int32_t channels, const float *scale, const float *shift_in,
                          const float *slope, const float *shift_out, float *target, int adds)
{
    int32_t i;
    for (i = 0; i < channels; ++i) {
        const float scaled = (float)counts[i] * scale[i], shifted = scaled - shift_in[i];
        const float bent = shifted >= 0.0f ? shifted : shifted * slope[i];
        const float value = bent + shift_out[i];
        target[i] = adds ? target[i] + value : value;
    }
}
