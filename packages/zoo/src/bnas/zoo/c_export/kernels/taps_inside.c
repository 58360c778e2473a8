/* First tap of a window that lies inside the image, along one axis, and the one after the last. */
static void taps_inside(int32_t start, int32_t size, int32_t kernel, int32_t dilation,
                        int32_t *first, int32_t *last)
{
    *first = start < 0 ? (dilation - 1 - start) / dilation : 0;
    *last = start < size ? (size - 1 - start) / dilation + 1 : 0;
    if (*last > kernel)
        *last = kernel;
    if (*last < *first)
        *first = *last = 0;
}
