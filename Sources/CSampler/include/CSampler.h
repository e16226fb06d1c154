#ifndef CSAMPLER_H
#define CSAMPLER_H

#include <stddef.h>
#include <stdint.h>

// How samples become numbers: sample * scale + bias, a colour each.
typedef struct {
  float scale[4];
  float bias[4];
  // Blue first.
  int is_bgr;
  // Numbers from one colour of a sample to the next: 1 where they lie beside each other, else the plane's size.
  size_t plane;
} sampler_output;

// Bilinear samples along a line in a picture of four bytes a pixel.
//
// All of them must lie where the right and the lower neighbour are inside the picture. `out` takes `count` samples: of three
// numbers each, or one in each of three planes.
void sampler_line(const uint8_t *pixels, size_t row_bytes, float x, float y, float step_x, float step_y, int count,
                  const sampler_output *output, float *out);

// Layouts of pixels.
typedef enum {
  // One byte of luminance.
  SAMPLER_GREY,
  // Red, green, blue.
  SAMPLER_RGB,
  // Y U Y V: two pixels in four bytes.
  SAMPLER_YUYV,
  // Rows of Y, and rows of U V for two rows of pixels.
  SAMPLER_NV12
} sampler_format;

// Converts a row of pixels to red, green, blue and 255.
//
// `second` is the row of U V for NV12, else unused. YUYV and NV12 need an even `width`.
void sampler_convert(sampler_format format, const uint8_t *first, const uint8_t *second, uint32_t *out, size_t width);

#endif
