/* The same bits for every pixel and every image, from channel `first` on. */
static void fill_bits(int32_t pixels, int32_t channels, const uint32_t *bits, uint32_t *target,
                      int32_t words, int32_t first, int is_last)
{
    int32_t pixel, begin;
    for (pixel = 0; pixel < pixels; ++pixel)
        for (begin = 0; begin < channels; begin += 32) {
            const int32_t rest = channels - begin, width = rest < 32 ? rest : 32;
            put_bits(target + pixel * words, first + begin, width, bits[begin / 32],
                     is_last && rest <= 32);
        }
}
