/* Bits as +1 and -1. */
static void unpack_bits(int32_t pixels, int32_t channels, const uint32_t *source, int32_t words,
                        float *target, int32_t target_step)
{
    int32_t pixel, i;
    for (pixel = 0; pixel < pixels; ++pixel)
        for (i = 0; i < channels; ++i)
            target[pixel * target_step + i] =
                (source[pixel * words + i / 32] >> (i % 32)) & 1u ? 1.0f : -1.0f;
}
