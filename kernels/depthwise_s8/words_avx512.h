// Four rows of sixteen bytes as sixteen words of four, one byte of each row.
#pragma once

#include "../intrinsics_avx512.h"

namespace sinter {
namespace {

// The rows one after the other; the fourth, if there are but three, is zero.
template <int kRows>
__m512i stack(__m128i a, __m128i b, __m128i c, __m128i d) {
  const __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(a), b, 1);
  const __m512i rows = _mm512_inserti32x4(_mm512_zextsi256_si512(low), c, 2);
  return kRows == 4 ? _mm512_inserti32x4(rows, d, 3) : rows;
}

// Where the bytes of words lie in stacked rows.
__m512i word_order() {
  alignas(64) static constexpr uint8_t kOrder[64] = {
      0, 16, 32, 48, 1, 17, 33, 49, 2,  18, 34, 50, 3,  19, 35, 51, 4,  20, 36, 52, 5,  21, 37, 53, 6,  22, 38, 54, 7,  23, 39, 55,
      8, 24, 40, 56, 9, 25, 41, 57, 10, 26, 42, 58, 11, 27, 43, 59, 12, 28, 44, 60, 13, 29, 45, 61, 14, 30, 46, 62, 15, 31, 47, 63};
  return _mm512_load_si512(kOrder);
}

}  // namespace
}  // namespace sinter
