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

#endif
