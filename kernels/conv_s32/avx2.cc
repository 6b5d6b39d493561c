#include <immintrin.h>

#include "body.h"

namespace sinter {
namespace {

// 16 bytes as 16-bit differences from a zero point.
inline __m256i differences(const int8_t* x, __m256i zero) {
  return _mm256_sub_epi16(_mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x))), zero);
}

inline __m256i differences(const uint8_t* x, __m256i zero) {
  return _mm256_sub_epi16(_mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x))), zero);
}

template <class X, class W>
uint32_t dot_wide(const X* x, const W* w, int32_t count, int32_t x_zero, int32_t w_zero) {
  const __m256i from = _mm256_set1_epi16(static_cast<int16_t>(x_zero)), by = _mm256_set1_epi16(static_cast<int16_t>(w_zero));
  __m256i sums = _mm256_setzero_si256();
  int32_t i = 0;
  for (; i + 16 <= count; i += 16) {
    sums = _mm256_add_epi32(sums, _mm256_madd_epi16(differences(x + i, from), differences(w + i, by)));
  }
  const __m128i half = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
  const __m128i pair = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4e));
  const __m128i one = _mm_add_epi32(pair, _mm_shuffle_epi32(pair, 0xb1));
  return static_cast<uint32_t>(_mm_cvtsi128_si32(one)) + dot_plain<X, W>(x + i, w + i, count - i, x_zero, w_zero);
}

}  // namespace

extern "C" Status conv_s32__avx2(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  const ConvS32Params& p = *static_cast<const ConvS32Params*>(params);
  return with_bytes(p, [&](auto x, auto w) {
    using X = decltype(x);
    using W = decltype(w);
    conv_integer<X, W>(p, operands, begin, end, dot_wide<X, W>);
  });
}

}  // namespace sinter
