#include <immintrin.h>

#include "../clamp.h"
#include "pool_max_s8.h"

namespace sinter {
namespace {

void max32(const PoolMaxS8Params& p, const Window<int8_t>& window, int32_t c, int8_t* y) {
  __m256i best = _mm256_set1_epi8(-128);
  visit_window(window,
               [&](const int8_t* x) { best = _mm256_max_epi8(best, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + c))); });
  best = _mm256_max_epi8(best, _mm256_set1_epi8(static_cast<char>(p.out_min)));
  best = _mm256_min_epi8(best, _mm256_set1_epi8(static_cast<char>(p.out_max)));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(y + c), best);
}

void max8(const PoolMaxS8Params& p, const Window<int8_t>& window, int32_t c, int8_t* y) {
  __m128i best = _mm_set1_epi8(-128);
  visit_window(window,
               [&](const int8_t* x) { best = _mm_max_epi8(best, _mm_loadl_epi64(reinterpret_cast<const __m128i*>(x + c))); });
  best = _mm_max_epi8(best, _mm_set1_epi8(static_cast<char>(p.out_min)));
  best = _mm_min_epi8(best, _mm_set1_epi8(static_cast<char>(p.out_max)));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(y + c), best);
}

}  // namespace

extern "C" Status pool_max_s8_1x32__avx2(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  const PoolMaxS8Params& p = *static_cast<const PoolMaxS8Params*>(params);
  const int8_t* input = static_cast<const int8_t*>(operands[0]);
  const int32_t channels = p.in_channels;
  int8_t* y = static_cast<int8_t*>(operands[1]) + ptrdiff_t{begin} * p.out[2] * channels;
  for (PixelWalk walk = walk_from(p, begin * p.out[2]); walk.index < end * p.out[2]; next(p, walk), y += channels) {
    const Window<int8_t> window = window_inside_input(p, walk.pixel, input);
    // The last vector of a pixel overlaps the one before it.
    if (channels >= 32) {
      for (int32_t c = 0; c < channels; c += 32) max32(p, window, c + 32 <= channels ? c : channels - 32, y);
    } else if (channels >= 8) {
      for (int32_t c = 0; c < channels; c += 8) max8(p, window, c + 8 <= channels ? c : channels - 8, y);
    } else {
      for (int32_t c = 0; c < channels; ++c) {
        int32_t best = -128;
        visit_window(window, [&](const int8_t* x) { best = x[c] > best ? x[c] : best; });
        y[c] = static_cast<int8_t>(clamp(best, p.out_min, p.out_max));
      }
    }
  }
  return kOk;
}

}  // namespace sinter
