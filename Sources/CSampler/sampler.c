// The inner loop of the picture sampler. In C for one reason: it is compiled twice, for any processor and for those with AVX2
// and FMA, which Swift can't say of a single function; it takes a tenth of the time of a hand's model otherwise.

#include "CSampler.h"

#include <string.h>

typedef uint8_t bytes8 __attribute__((vector_size(8)));
typedef float float8 __attribute__((vector_size(32)));
typedef float float4 __attribute__((vector_size(16)));

static inline __attribute__((always_inline)) void line(const uint8_t *pixels, size_t row_bytes, float x, float y,
                                                       float step_x, float step_y, int count,
                                                       const sampler_output *output, float *out) {
  float4 scale, bias;
  memcpy(&scale, output->scale, sizeof scale);
  memcpy(&bias, output->bias, sizeof bias);
  const size_t plane = output->plane;
  for (int column = 0; column < count; column++) {
    const float at_x = x + step_x * (float)column, at_y = y + step_y * (float)column;
    const int left = (int)at_x, top = (int)at_y;
    const float part_x = at_x - (float)left, part_y = at_y - (float)top;
    const uint8_t *place = pixels + (size_t)top * row_bytes + (size_t)left * 4;
    // A pixel and its right neighbour at once.
    bytes8 upper_bytes, lower_bytes;
    memcpy(&upper_bytes, place, 8);
    memcpy(&lower_bytes, place + row_bytes, 8);
    const float8 upper = __builtin_convertvector(upper_bytes, float8);
    const float8 lower = __builtin_convertvector(lower_bytes, float8);
    const float8 both = upper + (lower - upper) * part_y;
    const float4 near = __builtin_shufflevector(both, both, 0, 1, 2, 3);
    const float4 far = __builtin_shufflevector(both, both, 4, 5, 6, 7);
    float4 value = (near + (far - near) * part_x) * scale + bias;
    if (output->is_bgr) value = __builtin_shufflevector(value, value, 2, 1, 0, 3);
    if (plane != 1) {
      out[column] = value[0];
      out[column + plane] = value[1];
      out[column + 2 * plane] = value[2];
    } else if (column + 1 < count) {
      // The fourth number is where the next sample begins.
      memcpy(out + 3 * column, &value, sizeof value);
    } else {
      memcpy(out + 3 * column, &value, 3 * sizeof(float));
    }
  }
}

static void line_anywhere(const uint8_t *pixels, size_t row_bytes, float x, float y, float step_x, float step_y,
                          int count, const sampler_output *output, float *out) {
  line(pixels, row_bytes, x, y, step_x, step_y, count, output, out);
}

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static void line_avx2(const uint8_t *pixels, size_t row_bytes, float x, float y,
                                                          float step_x, float step_y, int count,
                                                          const sampler_output *output, float *out) {
  line(pixels, row_bytes, x, y, step_x, step_y, count, output, out);
}
#endif

void sampler_line(const uint8_t *pixels, size_t row_bytes, float x, float y, float step_x, float step_y, int count,
                  const sampler_output *output, float *out) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    line_avx2(pixels, row_bytes, x, y, step_x, step_y, count, output, out);
    return;
  }
#endif
  line_anywhere(pixels, row_bytes, x, y, step_x, step_y, count, output, out);
}
