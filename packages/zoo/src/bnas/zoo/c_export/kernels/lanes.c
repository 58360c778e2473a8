/* Outputs of a block of 8 whose sums are in registers together: what compilers make vectors of. */
#if defined(__AVX2__)
#define LANES 8
#else
#define LANES 4
#endif
