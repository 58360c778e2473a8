/* Sizes of a pooling; strides are words or floats from pixel to pixel. */
struct window {
    int32_t in_height, in_width, in_step, out_height, out_width, out_step, channels;
    int32_t kernel, stride, padding, dilation;
};
