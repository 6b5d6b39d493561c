// Four floats, as the kernels that are written once for several vector widths see them (floats_avx2.h).
#pragma once

#include <arm_neon.h>
#include <stdint.h>

namespace sinter {
namespace {

struct Floats4 {
  using Type = float32x4_t;
  static constexpr int kLanes = 4;

  static Type zero() { return vdupq_n_f32(0); }
  static Type all(float x) { return vdupq_n_f32(x); }
  static Type load(const float* x) { return vld1q_f32(x); }
  static Type broadcast(const float* x) { return vld1q_dup_f32(x); }
  static void store(float* y, Type x) { vst1q_f32(y, x); }
  static Type add(Type a, Type b) { return vaddq_f32(a, b); }
  static Type subtract(Type a, Type b) { return vsubq_f32(a, b); }
  static Type multiply(Type a, Type b) { return vmulq_f32(a, b); }
  static Type multiply_add(Type a, Type b, Type c) { return vfmaq_f32(c, a, b); }

  // NaN where an operand is.
  static Type clamp(Type x, Type low, Type high) { return vminq_f32(vmaxq_f32(x, low), high); }

  // Lanes [first, last), which may lie outside the four.
  struct Mask {
    int32_t first, last;
  };
  static Mask lanes(int32_t first, int32_t last) { return {first < 0 ? 0 : first, last > kLanes ? kLanes : last}; }

  // 0 where the mask is not set; nothing is read there.
  static Type load_masked(const float* x, Mask mask) {
    float some[kLanes] = {};
    for (int32_t i = mask.first; i < mask.last; ++i) some[i] = x[i];
    return vld1q_f32(some);
  }

  // The first n lanes, all if n >= 4, none if n <= 0.
  static void store_first(float* y, Type x, int32_t n) {
    float some[kLanes];
    vst1q_f32(some, x);
    for (int32_t i = 0; i < n && i < kLanes; ++i) y[i] = some[i];
  }
};

}  // namespace
}  // namespace sinter
