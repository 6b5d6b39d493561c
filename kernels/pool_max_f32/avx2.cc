#include <immintrin.h>

#include "../clamp.h"
#include "pool_max_f32.h"

namespace sinter {
namespace {

// The second operand is the result where either is NaN, and where both are zero.
void max8(const PoolMaxF32Params& p, const Window<float>& window, int32_t c, float* y) {
  __m256 best = _mm256_set1_ps(-__builtin_inff());
  visit_window(window, [&](const float* x) { best = _mm256_max_ps(_mm256_loadu_ps(x + c), best); });
  _mm256_storeu_ps(y + c, _mm256_min_ps(_mm256_set1_ps(p.high), _mm256_max_ps(_mm256_set1_ps(p.low), best)));
}

}  // namespace

extern "C" Status pool_max_f32_1x8__avx2(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  const PoolMaxF32Params& p = *static_cast<const PoolMaxF32Params*>(params);
  const float* input = static_cast<const float*>(operands[0]);
  const int32_t channels = p.in_channels;
  float* y = static_cast<float*>(operands[1]) + ptrdiff_t{begin} * p.out[2] * channels;
  for (PixelWalk walk = walk_from(p, begin * p.out[2]); walk.index < end * p.out[2]; next(p, walk), y += channels) {
    const Window<float> window = window_inside_input(p, walk.pixel, input);
    // The last vector of a pixel overlaps the one before it.
    if (channels >= 8) {
      for (int32_t c = 0; c < channels; c += 8) max8(p, window, c + 8 <= channels ? c : channels - 8, y);
      continue;
    }
    for (int32_t c = 0; c < channels; ++c) {
      float best = -__builtin_inff();
      visit_window(window, [&](const float* x) { best = x[c] > best ? x[c] : best; });
      y[c] = clamp(best, p.low, p.high);
    }
  }
  return kOk;
}

}  // namespace sinter
