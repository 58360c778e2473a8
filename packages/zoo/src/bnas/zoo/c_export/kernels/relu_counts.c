/* ReLU of scaled counts, stored, or added to what is there. */
static void relu_counts(int32_t channels, const float *scale, float *target, int adds)
{
    int32_t i;
    for (i = 0; i < channels; ++i) {
        const float scaled = (float)counts[i] * scale[i], value = scaled > 0.0f ? scaled : 0.0f;
        target[i] = adds ? target[i] + value : value;
    }
}
