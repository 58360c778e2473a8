/* Batch norm and sign of one pixel's floats: bit = (value >= threshold) ^ flip. The bits are those
 * of the channels from `first` on; `is_last` where no further ones follow. */
static void cut_floats(int32_t channels, const float *values, const float *thresholds,
                       const uint32_t *flips, uint32_t *target, int32_t first, int is_last)
{
    int32_t begin, i;
    for (begin = 0; begin < channels; begin += 32) {
        const int32_t rest = channels - begin, width = rest < 32 ? rest : 32;
        uint32_t bits = 0;
        for (i = 0; i < width; ++i)
            bits |= (uint32_t)(values[begin + i] >= thresholds[begin + i]) << i;
        put_bits(target, first + begin, width, bits ^ flips[begin / 32], is_last && rest <= 32);
    }
}
