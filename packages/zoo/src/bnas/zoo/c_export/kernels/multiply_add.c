/* a * b + c, rounded once as in the packed network: by the machine's instruction where it has one,
 * else by way of double, which differs in one of some 10^8 cases. Where doubles are slow,
 * -DBNAS_UNFUSED rounds twice; the bit of a value that is a tie for float may then differ. */
#if defined(BNAS_UNFUSED)
#define MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
#elif defined(__GNUC__) && defined(__FP_FAST_FMAF)
#define MULTIPLY_ADD(a, b, c) __builtin_fmaf(a, b, c)
#else
#define MULTIPLY_ADD(a, b, c) ((float)((double)(a) * (double)(b) + (double)(c)))
#endif
