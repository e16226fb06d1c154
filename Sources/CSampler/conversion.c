// Conversion of rows of pixels to four bytes a pixel. In C for the reason of sampler.c: the loops are compiled for any processor
// and for those with AVX2.
//
// YUV: ITU-R BT.601, limited range; 298 is 256 * 255 / 219, the other factors follow in the same way.

#include "CSampler.h"

#include <string.h>

// A pixel is written as one number: red is in the lowest byte, as in memory.
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "pixels are written for little-endian processors"
#endif

static inline __attribute__((always_inline)) uint32_t pixel(int32_t red, int32_t green, int32_t blue) {
  return (uint32_t)red | (uint32_t)green << 8 | (uint32_t)blue << 16 | 0xff000000u;
}

static inline __attribute__((always_inline)) int32_t clamped(int32_t value) {
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

static inline __attribute__((always_inline)) uint32_t from_yuv(int32_t luma, int32_t u, int32_t v) {
  const int32_t y = 298 * (luma - 16) + 128;
  u -= 128;
  v -= 128;
  return pixel(clamped((y + 409 * v) >> 8), clamped((y - 100 * u - 208 * v) >> 8), clamped((y + 516 * u) >> 8));
}

static inline __attribute__((always_inline)) void convert(sampler_format format, const uint8_t *restrict first,
                                                          const uint8_t *restrict second, uint32_t *restrict out,
                                                          size_t width) {
  switch (format) {
  case SAMPLER_GREY:
    for (size_t i = 0; i < width; i++) out[i] = pixel(first[i], first[i], first[i]);
    break;
  case SAMPLER_RGB:
    for (size_t i = 0; i < width; i++) out[i] = pixel(first[3 * i], first[3 * i + 1], first[3 * i + 2]);
    break;
  case SAMPLER_YUYV:
    for (size_t i = 0; i < width / 2; i++) {
      const int32_t u = first[4 * i + 1], v = first[4 * i + 3];
      out[2 * i] = from_yuv(first[4 * i], u, v);
      out[2 * i + 1] = from_yuv(first[4 * i + 2], u, v);
    }
    break;
  case SAMPLER_NV12:
    for (size_t i = 0; i < width / 2; i++) {
      const int32_t u = second[2 * i], v = second[2 * i + 1];
      out[2 * i] = from_yuv(first[2 * i], u, v);
      out[2 * i + 1] = from_yuv(first[2 * i + 1], u, v);
    }
    break;
  }
}

static void convert_anywhere(sampler_format format, const uint8_t *first, const uint8_t *second, uint32_t *out,
                             size_t width) {
  convert(format, first, second, out, width);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void convert_avx2(sampler_format format, const uint8_t *first,
                                                         const uint8_t *second, uint32_t *out, size_t width) {
  convert(format, first, second, out, width);
}
#endif

void sampler_convert(sampler_format format, const uint8_t *first, const uint8_t *second, uint32_t *out, size_t width) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) {
    convert_avx2(format, first, second, out, width);
    return;
  }
#endif
  convert_anywhere(format, first, second, out, width);
}
