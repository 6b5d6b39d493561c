// Eight floats, as the kernels that are written once for several vector widths see them.
#pragma once

#include <immintrin.h>
#include <stdint.h>

#include "store_avx2.h"

namespace sinter {
namespace {

struct Floats8 {
  using Type = __m256;
  static constexpr int kLanes = 8;

  static Type zero() { return _mm256_setzero_ps(); }
  static Type all(float x) { return _mm256_set1_ps(x); }
  static Type load(const float* x) { return _mm256_loadu_ps(x); }
  static Type broadcast(const float* x) { return _mm256_broadcast_ss(x); }
  static void store(float* y, Type x) { _mm256_storeu_ps(y, x); }
  static Type add(Type a, Type b) { return _mm256_add_ps(a, b); }
  static Type subtract(Type a, Type b) { return _mm256_sub_ps(a, b); }
  static Type multiply(Type a, Type b) { return _mm256_mul_ps(a, b); }
  static Type multiply_add(Type a, Type b, Type c) { return _mm256_fmadd_ps(a, b, c); }

  // The second operand is the result where either is NaN.
  static Type clamp(Type x, Type low, Type high) { return _mm256_min_ps(high, _mm256_max_ps(low, x)); }

  // Lanes [first, last), which may lie outside the eight.
  using Mask = __m256i;
  static Mask lanes(int32_t first, int32_t last) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i from = _mm256_cmpgt_epi32(_mm256_set1_epi32(first), lane), to = _mm256_cmpgt_epi32(_mm256_set1_epi32(last), lane);
    return _mm256_andnot_si256(from, to);
  }

  // 0 where the mask is not set; nothing is read there.
  static Type load_masked(const float* x, Mask mask) { return _mm256_maskload_ps(x, mask); }

  // The first n lanes, all if n >= 8, none if n <= 0.
  static void store_first(float* y, Type x, int32_t n) { sinter::store_first(y, x, n); }
};

}  // namespace
}  // namespace sinter
