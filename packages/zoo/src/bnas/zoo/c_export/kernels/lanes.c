/* Outputs whose sums are in registers together, a vector of them where the machine has some. Real
 * sums wait for each other, so theirs are the widest. */
#if defined(__AVX512F__)
#define REAL_LANES 16
#elif defined(__AVX2__)
#define REAL_LANES 8
#else
#define REAL_LANES 4
#endif
#if defined(__AVX2__)
#define BIT_LANES 8
#else
#define BIT_LANES 4
#endif
