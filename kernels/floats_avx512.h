// Sixteen floats, as the kernels that are written once for several vector widths see them.
#pragma once

#include <immintrin.h>
#include <stdint.h>

#include "floats_avx2.h"

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
  static Type clamp(Type x, Type low, Type high) { return _mm512_maskz_min_ps(0xffff, high, _mm512_maskz_max_ps(0xffff, low, x)); }

  // Lanes [first, last), which may lie outside the sixteen.
  using Mask = __mmask16;
  static Mask lanes(int32_t first, int32_t last) { return static_cast<Mask>(below(last) & ~below(first)); }
  static uint32_t below(int32_t n) { return n >= 16 ? 0xffffu : (n <= 0 ? 0u : (1u << n) - 1u); }

  // 0 where the mask is not set; nothing is read there.
  static Type load_masked(const float* x, Mask mask) { return _mm512_maskz_loadu_ps(mask, x); }

  // The first n lanes, all if n >= 16, none if n <= 0.
  static void store_first(float* y, Type x, int32_t n) { _mm512_mask_storeu_ps(y, lanes(0, n), x); }
};

// Eight floats whose stores are masked.
struct HalfFloats16 : Floats8 {
  static void store_first(float* y, Type x, int32_t n) {
    _mm256_mask_storeu_ps(y, static_cast<__mmask8>(Floats16::lanes(0, n)), x);
  }
};

}  // namespace
}  // namespace sinter
