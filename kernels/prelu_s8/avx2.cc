#include "../broadcast_s8_avx2.h"
#include "prelu_s8.h"

namespace sinter {

extern "C" Status prelu_s8__avx2(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  const PreluS8Params& p = *static_cast<const PreluS8Params*>(params);
  const int8_t* a = static_cast<const int8_t*>(operands[0]);
  const int8_t* b = static_cast<const int8_t*>(operands[1]);
  int8_t* y = static_cast<int8_t*>(operands[2]);
  const Rescaler positive = repeat_rescaler(p.multiplier, p.shift);
  const Rescaler negative = repeat_rescaler(p.negative_multiplier, p.negative_shift);
  const Int8Range range = int8_range(p.out_zero, -128, 127);
  const __m256i a_zero = _mm256_set1_epi32(p.a_zero), b_zero = _mm256_set1_epi32(p.b_zero);
  for_each_row(p, begin, end, [&](ptrdiff_t a_at, ptrdiff_t b_at, ptrdiff_t y_at, int32_t count) {
    broadcast_row(a + a_at, p.a_stride[7], b + b_at, p.b_stride[7], y + y_at, count, [&](const int8_t* u, const int8_t* v) {
      return combine_widened(u, a_zero, v, b_zero, range, [&](__m256i value, __m256i slope) {
        const __m256i below = _mm256_cmpgt_epi32(_mm256_setzero_si256(), value);
        const __m256i sloped = rescale(negative, _mm256_mullo_epi32(value, slope));
        return _mm256_blendv_epi8(rescale(positive, value), sloped, below);
      });
    });
  });
  return kOk;
}

}  // namespace sinter
