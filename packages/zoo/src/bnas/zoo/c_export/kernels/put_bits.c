/* Puts up to 32 channels of a pixel in place; behind the last channel of all the bits become 0. */
static void put_bits(uint32_t *words, int32_t first, int32_t count, uint32_t bits, int is_last)
{
    const uint32_t shift = (uint32_t)first % 32u, mask = 0xFFFFFFFFu >> (32 - count);
    const uint32_t end = shift + (uint32_t)count;
    uint32_t *word = words + first / 32;
    word[0] = (word[0] & ~(mask << shift)) | (bits << shift);
    if (end > 32u) {
        word[1] = (word[1] & ~(mask >> (32u - shift))) | (bits >> (32u - shift));
        ++word;
    }
    if (is_last && end % 32u != 0)
        word[0] &= 0xFFFFFFFFu >> (32u - end % 32u);
}
