/* Ones are counted in two steps, so that the second is taken once for up to 31 words: with an
 * instruction for it PARTIAL_COUNT is the whole count; without one it leaves a count in each byte,
 * at most 8, and WHOLE_COUNT adds the bytes up. A compiler's built-in function is not asked where
 * it would be a call, and not with AVX2, whose vectors run the portable form faster. */
#if defined(BNAS_PORTABLE)
#define PORTABLE_COUNT 1
#elif defined(__AVX2__) && !(defined(__AVX512VPOPCNTDQ__) && defined(__AVX512VL__))
#define PORTABLE_COUNT 1
#elif defined(_MSC_VER) && (defined(_M_X64) || defined(_M_IX86))
#include <intrin.h>
#define PARTIAL_COUNT(word) __popcnt(word)
#elif defined(__GNUC__) && (defined(__POPCNT__) || defined(__ARM_NEON) || defined(__riscv_zbb) \
                            || defined(__wasm__) || defined(_ARCH_PWR7))
#define PARTIAL_COUNT(word) ((uint32_t)__builtin_popcount(word))
#else
#define PORTABLE_COUNT 1
#endif

#if defined(PORTABLE_COUNT)
static inline uint32_t ones_of_bytes(uint32_t word)
{
    word -= (word >> 1) & 0x55555555u;
    word = (word & 0x33333333u) + ((word >> 2) & 0x33333333u);
    return (word + (word >> 4)) & 0x0F0F0F0Fu;
}

static inline uint32_t sum_of_bytes(uint32_t bytes)
{
    bytes = (bytes & 0x00FF00FFu) + ((bytes >> 8) & 0x00FF00FFu);
    return (bytes + (bytes >> 16)) & 0xFFFFu;
}
#define PARTIAL_COUNT(word) ones_of_bytes(word)
#define WHOLE_COUNT(bytes) sum_of_bytes(bytes)
#else
#define WHOLE_COUNT(count) (count)
#endif
