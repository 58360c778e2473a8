/* How many bit-operations a clock cycle the inner loops of binary kernels can reach, operands in L1.
 *
 * One bit-operation = one multiply-accumulate of two signs. Every loop below is the register block of
 * a convolution: some pixel vectors times some output channels, over TAPS steps. It writes one line
 * of JSON for each loop that the compiler's target has:
 *
 *     {"name": "avx2 tables", "bit_ops_per_cycle": 222.1, "ghz": 3.4}
 *
 * Cycles are those of the core clock, measured by a chain of dependent additions, so that boost and
 * throttling cancel out. Build: gcc -O3 -march=native ceiling.c
 *
 * "tables": a byte holds a few sign bits of one pixel; the weights of two output channels become a
 * table of mismatch counts, one channel in the low half of a byte and one in the high half; one
 * shuffle looks up all pixels of a vector. vpshufb looks up 4 bits, vpermb 6.
 */
#include <immintrin.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    TAPS = 60,        /* steps of an inner loop: a multiple of 2 and of 3 */
    REPEATS = 400,    /* calls between two looks at the clock */
    TRIALS = 40,      /* the best of these counts */
    BYTES = 32 * 1024 /* of each operand: less than half of an L1 cache is touched */
};

static uint8_t pixels[BYTES] __attribute__((aligned(64)));
static uint8_t weights[BYTES] __attribute__((aligned(64)));
static volatile uint64_t sink;

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Cycles of a second: each addition waits for the one before and takes one cycle. */
static double clock_hz(void) {
    enum { ADDITIONS = 2000000 };
    double begun = seconds();
    uint64_t sum = 0;
    for (int i = 0; i < ADDITIONS / 16; i++) {
#pragma GCC unroll 16
        for (int j = 0; j < 16; j++) __asm__ volatile("add $1, %0" : "+r"(sum));
    }
    double taken = seconds() - begun;
    sink = sum;
    return ADDITIONS / taken;
}

/* 4 output channels of one pixel, 64 input channels a step. */
static uint64_t scalar_popcount(void) {
    const uint64_t *x = (const uint64_t *)pixels, *w = (const uint64_t *)weights;
    uint64_t count[4] = {0};
    for (int tap = 0; tap < TAPS; tap++) {
#pragma GCC unroll 4
        for (int o = 0; o < 4; o++) {
            count[o] += (uint64_t)__builtin_popcountll(x[tap] ^ w[4 * tap + o]);
            __asm__ volatile("" : "+r"(count[o])); /* keeps the compiler from using vectors */
        }
    }
    return count[0] + count[1] + count[2] + count[3];
}
#define SCALAR_BIT_OPS (64.0 * 4 * TAPS)

#ifdef __AVX2__
/* 1 pair of channels, 5 vectors of 32 pixels, 4 bits a step; 3 lookups of at most 4 fit a nibble. */
static uint64_t avx2_tables(void) {
    enum { VECTORS = 5 };
    const __m256i low_half = _mm256_set1_epi8(15);
    __m256i low[VECTORS] = {0}, high[VECTORS] = {0};
    for (int tap = 0; tap < TAPS; tap += 3) {
        __m256i table[3];
#pragma GCC unroll 3
        for (int t = 0; t < 3; t++)
            table[t] = _mm256_broadcastsi128_si256(
                _mm_load_si128((const __m128i *)weights + tap + t));
#pragma GCC unroll 5
        for (int v = 0; v < VECTORS; v++) {
            __m256i sum = _mm256_setzero_si256();
#pragma GCC unroll 3
            for (int t = 0; t < 3; t++) {
                const uint8_t *from = pixels + 32 * (VECTORS * (tap + t) + v) + t;
                __m256i x = _mm256_loadu_si256((const __m256i *)from);
                __m256i found = _mm256_shuffle_epi8(table[t], x);
                sum = t ? _mm256_add_epi8(sum, found) : found;
            }
            low[v] = _mm256_add_epi8(low[v], _mm256_and_si256(sum, low_half));
            high[v] = _mm256_add_epi8(
                high[v], _mm256_and_si256(_mm256_srli_epi16(sum, 4), low_half));
        }
    }
    __m256i all = _mm256_setzero_si256();
    for (int v = 0; v < VECTORS; v++) all = _mm256_add_epi8(all, _mm256_xor_si256(low[v], high[v]));
    return (uint64_t)_mm256_extract_epi64(all, 0);
}
#define AVX2_TABLE_BIT_OPS (4.0 * 2 * 32 * 5 * TAPS)
#endif

#ifdef __AVX512BW__
/* As for AVX2, with 64 pixels a vector and 8 vectors: there are twice as many registers. */
static uint64_t avx512_tables(void) {
    enum { VECTORS = 8 };
    const __m512i low_half = _mm512_set1_epi8(15);
    __m512i low[VECTORS], high[VECTORS];
    for (int v = 0; v < VECTORS; v++) low[v] = high[v] = _mm512_setzero_si512();
    for (int tap = 0; tap < TAPS; tap += 3) {
        __m512i table[3];
#pragma GCC unroll 3
        for (int t = 0; t < 3; t++)
            table[t] =
                _mm512_broadcast_i32x4(_mm_load_si128((const __m128i *)weights + tap + t));
#pragma GCC unroll 8
        for (int v = 0; v < VECTORS; v++) {
            __m512i sum = _mm512_setzero_si512();
#pragma GCC unroll 3
            for (int t = 0; t < 3; t++) {
                __m512i x = _mm512_loadu_si512(pixels + 64 * (VECTORS * (tap + t) + v) % (BYTES / 2) + t);
                __m512i found = _mm512_shuffle_epi8(table[t], x);
                sum = t ? _mm512_add_epi8(sum, found) : found;
            }
            low[v] = _mm512_add_epi8(low[v], _mm512_and_si512(sum, low_half));
            high[v] = _mm512_add_epi8(
                high[v], _mm512_and_si512(_mm512_srli_epi16(sum, 4), low_half));
        }
    }
    __m512i all = _mm512_setzero_si512();
    for (int v = 0; v < VECTORS; v++) all = _mm512_add_epi8(all, _mm512_xor_si512(low[v], high[v]));
    return (uint64_t)_mm512_reduce_add_epi64(all);
}
#define AVX512_TABLE_BIT_OPS (4.0 * 2 * 64 * 8 * TAPS)
#endif

#ifdef __AVX512VBMI__
/* 6 bits a lookup; 2 lookups of at most 6 fit a nibble. */
static uint64_t avx512_wide_tables(void) {
    enum { VECTORS = 8 };
    const __m512i low_half = _mm512_set1_epi8(15);
    __m512i low[VECTORS], high[VECTORS];
    for (int v = 0; v < VECTORS; v++) low[v] = high[v] = _mm512_setzero_si512();
    for (int tap = 0; tap < TAPS; tap += 2) {
        __m512i first = _mm512_load_si512(weights + 64 * tap);
        __m512i second = _mm512_load_si512(weights + 64 * (tap + 1));
#pragma GCC unroll 8
        for (int v = 0; v < VECTORS; v++) {
            const uint8_t *from = pixels + 64 * (VECTORS * tap + v) % (BYTES / 2);
            __m512i sum = _mm512_add_epi8(
                _mm512_permutexvar_epi8(_mm512_loadu_si512(from), first),
                _mm512_permutexvar_epi8(_mm512_loadu_si512(from + 65), second));
            low[v] = _mm512_add_epi8(low[v], _mm512_and_si512(sum, low_half));
            high[v] = _mm512_add_epi8(
                high[v], _mm512_and_si512(_mm512_srli_epi16(sum, 4), low_half));
        }
    }
    __m512i all = _mm512_setzero_si512();
    for (int v = 0; v < VECTORS; v++) all = _mm512_add_epi8(all, _mm512_xor_si512(low[v], high[v]));
    return (uint64_t)_mm512_reduce_add_epi64(all);
}
#define AVX512_WIDE_TABLE_BIT_OPS (6.0 * 2 * 64 * 8 * TAPS)
#endif

#ifdef __AVX512BITALG__
/* 8 bits of 64 pixels a step, 4 channels x 4 vectors; counts stay bytes for up to 31 steps. */
static uint64_t avx512_popcount(void) {
    enum { VECTORS = 4, CHANNELS = 4 };
    __m512i count[CHANNELS][VECTORS];
    for (int o = 0; o < CHANNELS; o++)
        for (int v = 0; v < VECTORS; v++) count[o][v] = _mm512_setzero_si512();
    for (int tap = 0; tap < TAPS; tap++) {
        __m512i x[VECTORS];
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++) x[v] = _mm512_loadu_si512(pixels + 64 * (VECTORS * tap + v) + 1);
#pragma GCC unroll 4
        for (int o = 0; o < CHANNELS; o++) {
            __m512i w = _mm512_set1_epi8((char)weights[CHANNELS * tap + o]);
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; v++)
                count[o][v] = _mm512_add_epi8(
                    count[o][v], _mm512_popcnt_epi8(_mm512_xor_si512(x[v], w)));
        }
    }
    __m512i all = _mm512_setzero_si512();
    for (int o = 0; o < CHANNELS; o++)
        for (int v = 0; v < VECTORS; v++) all = _mm512_add_epi8(all, count[o][v]);
    return (uint64_t)_mm512_reduce_add_epi64(all);
}
#define AVX512_POPCOUNT_BIT_OPS (8.0 * 64 * 4 * 4 * TAPS)
#endif

#ifdef __AVX512F__
/* Bit-sliced: a word of 64 pixels for each of 8 channels. Two inputs cost a look-up of the carry (the
 * parity is the same for all channels) and 7/8 of a full adder; 4 vectors of channels. */
static uint64_t avx512_sliced(void) {
    enum { OCTETS = 4, PAIRS = 8, TREES = 12 };
    __m512i sum[OCTETS][3], rest[OCTETS];
    for (int o = 0; o < OCTETS; o++)
        rest[o] = sum[o][0] = sum[o][1] = sum[o][2] = _mm512_setzero_si512();
    for (int tree = 0; tree < TREES; tree++) {
        const __m512i *table = (const __m512i *)pixels + PAIRS * tree;
        const uint8_t *index = weights + 32 * tree;
        __m512i waits[OCTETS][2];
#pragma GCC unroll 4
        for (int pair = 0; pair < PAIRS; pair += 2) {
#pragma GCC unroll 4
            for (int o = 0; o < OCTETS; o++) {
                __m512i w = _mm512_loadu_si512(index + 1024 * o + pair / 2);
                __m512i x = _mm512_permutexvar_epi64(w, table[pair]);
                __m512i y = _mm512_permutexvar_epi64(_mm512_srli_epi64(w, 4), table[pair + 1]);
                __m512i carry = x;
#pragma GCC unroll 3
                for (int level = 0; level < 3; level++) {
                    __m512i before = sum[o][level];
                    carry = _mm512_ternarylogic_epi64(before, x, y, 0xE8);
                    sum[o][level] = _mm512_ternarylogic_epi64(before, x, y, 0x96);
                    if ((pair / 2 + 1) % (2 << level) || level == 2) break;
                    x = waits[o][level], y = carry;
                }
                if ((pair / 2 + 1) % 2) waits[o][0] = carry;
                else if ((pair / 2 + 1) % 4) waits[o][1] = carry;
                else rest[o] = _mm512_xor_si512(rest[o], carry);
            }
        }
    }
    __m512i all = _mm512_setzero_si512();
    for (int o = 0; o < OCTETS; o++)
        all = _mm512_add_epi64(all, _mm512_add_epi64(rest[o], _mm512_add_epi64(sum[o][0],
            _mm512_add_epi64(sum[o][1], sum[o][2]))));
    return (uint64_t)_mm512_reduce_add_epi64(all);
}
#define AVX512_SLICED_BIT_OPS (2.0 * 8 * 64 * 4 * 8 * 12)
#endif

#ifdef __AVX512VNNI__
/* What int8 runtimes use: 64 multiply-accumulates an instruction, 4 channels x 4 vectors. */
static uint64_t avx512_int8(void) {
    enum { VECTORS = 4, CHANNELS = 4 };
    __m512i sum[CHANNELS][VECTORS];
    for (int o = 0; o < CHANNELS; o++)
        for (int v = 0; v < VECTORS; v++) sum[o][v] = _mm512_setzero_si512();
    for (int tap = 0; tap < TAPS; tap++) {
        __m512i x[VECTORS];
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++) x[v] = _mm512_load_si512(pixels + 64 * (VECTORS * tap + v));
#pragma GCC unroll 4
        for (int o = 0; o < CHANNELS; o++) {
            __m512i w = _mm512_set1_epi32(((const int32_t *)weights)[CHANNELS * tap + o]);
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; v++) sum[o][v] = _mm512_dpbusd_epi32(sum[o][v], x[v], w);
        }
    }
    __m512i all = _mm512_setzero_si512();
    for (int o = 0; o < CHANNELS; o++)
        for (int v = 0; v < VECTORS; v++) all = _mm512_add_epi32(all, sum[o][v]);
    return (uint64_t)_mm512_reduce_add_epi64(all);
}
#define AVX512_INT8_OPS (64.0 * 4 * 4 * TAPS)
#endif

static void measure(const char *name, uint64_t (*loop)(void), double operations) {
    double best = 0, best_hz = 0;
    for (int trial = 0; trial < TRIALS; trial++) {
        double hz = clock_hz(); /* beside every trial, since the clock changes */
        double begun = seconds();
        for (int i = 0; i < REPEATS; i++) sink = loop();
        double rate = operations * REPEATS / (seconds() - begun);
        if (hz > best_hz) best_hz = hz;
        if (rate > best) best = rate;
    }
    printf("{\"name\": \"%s\", \"bit_ops_per_cycle\": %.1f, \"ghz\": %.3f}\n", name,
           best / best_hz, best_hz / 1e9);
    fflush(stdout);
}

int main(void) {
    for (int i = 0; i < BYTES; i++) {
        pixels[i] = (uint8_t)(rand() & 15);
        weights[i] = (uint8_t)(rand() & 0x33);
    }
    measure("scalar popcount", scalar_popcount, SCALAR_BIT_OPS);
#ifdef __AVX2__
    measure("avx2 vpshufb tables", avx2_tables, AVX2_TABLE_BIT_OPS);
#endif
#ifdef __AVX512BW__
    measure("avx-512 vpshufb tables", avx512_tables, AVX512_TABLE_BIT_OPS);
#endif
#ifdef __AVX512VBMI__
    measure("avx-512 vpermb tables", avx512_wide_tables, AVX512_WIDE_TABLE_BIT_OPS);
#endif
#ifdef __AVX512BITALG__
    measure("avx-512 vpopcntb", avx512_popcount, AVX512_POPCOUNT_BIT_OPS);
#endif
#ifdef __AVX512F__
    measure("avx-512 bit-sliced", avx512_sliced, AVX512_SLICED_BIT_OPS);
#endif
#ifdef __AVX512VNNI__
    measure("avx-512 vpdpbusd, int8 and not bits", avx512_int8, AVX512_INT8_OPS);
#endif
    return 0;
}
