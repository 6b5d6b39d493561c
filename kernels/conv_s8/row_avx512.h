// Bytes of a row of the input, and of what lies on both sides of it.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "../intrinsics_avx512.h"

namespace sinter {
namespace {

__mmask64 first_bytes(ptrdiff_t count) { return count <= 0 ? 0 : count >= 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1; }

// 64 bytes of a row of so many, from `at` on, which may lie outside, as unsigned: input + 128.
__m512i load_unsigned(const int8_t* x, ptrdiff_t at, ptrdiff_t bytes, int32_t in_zero) {
  const __m512i sign = _mm512_set1_epi8(-128);
  if (at >= 0 && at + 64 <= bytes) return _mm512_xor_si512(_mm512_loadu_si512(x + at), sign);
  const __mmask64 inside = first_bytes(bytes - at) & ~first_bytes(-at);
  const __m512i outside = _mm512_set1_epi8(static_cast<char>(in_zero));
  return _mm512_xor_si512(_mm512_mask_loadu_epi8(outside, inside, x + at), sign);
}

}  // namespace
}  // namespace sinter
