/* Batch norm and sign of counts: bit = (count >= threshold) ^ flip. */
static void cut_counts(int32_t channels, const int16_t *thresholds, const uint32_t *flips,
                       uint32_t *target)
{
    int32_t first, i;
    for (first = 0; first < channels; first += 32) {
        const int32_t rest = channels - first, width = rest < 32 ? rest : 32;
        uint32_t bits = 0;
        for (i = 0; i < width; ++i)
            bits |= (uint32_t)(counts[first + i] >= thresholds[first + i]) << i;
        target[first / 32] = bits ^ flips[first / 32];
    }
}
