#include <immintrin.h>

#include "../clamp.h"
#include "pool_avg_f32.h"

namespace sinter {
namespace {

void average8(const PoolAvgF32Params& p, const Window<float>& window, float divisor, int32_t c, float* y) {
  __m256 sum = _mm256_setzero_ps();
  visit_window(window, [&](const float* x) { sum = _mm256_add_ps(sum, _mm256_loadu_ps(x + c)); });
  const __m256 average = _mm256_div_ps(sum, _mm256_set1_ps(divisor));
  // The second operand is the result where either is NaN.
  _mm256_storeu_ps(y + c, _mm256_min_ps(_mm256_set1_ps(p.high), _mm256_max_ps(_mm256_set1_ps(p.low), average)));
}

}  // namespace

extern "C" Status pool_avg_f32_1x8__avx2(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  const PoolAvgF32Params& p = *static_cast<const PoolAvgF32Params*>(params);
  const float* input = static_cast<const float*>(operands[0]);
  const int32_t channels = p.in_channels;
  float* y = static_cast<float*>(operands[1]) + ptrdiff_t{begin} * p.out[2] * channels;
  for (PixelWalk walk = walk_from(p, begin * p.out[2]); walk.index < end * p.out[2]; next(p, walk), y += channels) {
    const Window<float> window = window_inside_input(p, walk.pixel, input);
    const float divisor = pool_divisor(p, walk.pixel, window.count);
    // The last vector of a pixel overlaps the one before it.
    if (channels >= 8) {
      for (int32_t c = 0; c < channels; c += 8) average8(p, window, divisor, c + 8 <= channels ? c : channels - 8, y);
      continue;
    }
    for (int32_t c = 0; c < channels; ++c) {
      float sum = 0.0f;
      visit_window(window, [&](const float* x) { sum += x[c]; });
      y[c] = clamp(sum / divisor, p.low, p.high);
    }
  }
  return kOk;
}

}  // namespace sinter
