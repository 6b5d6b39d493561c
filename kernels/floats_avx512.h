// Sixteen floats, as the kernels that are written once for several vector widths see them.
#pragma once

#include <immintrin.h>
#include <stdint.h>

namespace sinter {
namespace {

struct Floats16 {
  using Type = __m512;
  static constexpr int kLanes = 16;

  static Type zero() { return _mm512_setzero_ps(); }
  static Type all(float x) { return _mm512_set1_ps(x); }
  static Type load(const float* x) { return _mm512_loadu_ps(x); }
  static Type broadcast(const float* x) { return _mm512_set1_ps(*x); }
  static void store(float* y, Type x) { _mm512_storeu_ps(y, x); }
  static Type add(Type a, Type b) { return _mm512_add_ps(a, b); }
  static Type subtract(Type a, Type b) { return _mm512_sub_ps(a, b); }
  static Type multiply(Type a, Type b) { return _mm512_mul_ps(a, b); }
  static Type multiply_add(Type a, Type b, Type c) { return _mm512_fmadd_ps(a, b, c); }

  // The second operand is the result where either is NaN. GCC 12 warns of its own header where there is no mask.
  static Type clamp(Type x, Type low, Type high) {
    return _mm512_maskz_min_ps(0xffff, high, _mm512_maskz_max_ps(0xffff, low, x));
  }

  // The first n lanes, all if n >= 16, none if n <= 0.
  static __mmask16 mask_first(int32_t n) {
    return static_cast<__mmask16>(n >= 16 ? 0xffff : (n <= 0 ? 0 : (1 << n) - 1));
  }

  // Lanes [first, last) of the sixteen at x, 0 in the others, which are not read.
  static Type load_range(const float* x, int32_t first, int32_t last) {
    return _mm512_maskz_loadu_ps(static_cast<__mmask16>(mask_first(last) & ~mask_first(first)), x);
  }

  static void store_first(float* y, Type x, int32_t n) { _mm512_mask_storeu_ps(y, mask_first(n), x); }
};

}  // namespace
}  // namespace sinter
