// add_s8 for both Arm architectures; Isa is a type that no other source file has.
#pragma once

#include "../requantize_neon.h"
#include "certain.h"

namespace sinter {

template <class Isa>
class AddS8 {
 public:
  explicit AddS8(const AddS8Params& p)
      : p_(p),
        a_(load_rescaler(p.a_multiplier, p.a_shift, kAddLeftShift)),
        b_(load_rescaler(p.b_multiplier, p.b_shift, kAddLeftShift)),
        y_(load_rescaler(p.multiplier, p.shift, 0)),
        fixed_(fixed_sum(p, kShift, kShift)) {}

  // A row of `count` elements; a step of 0 repeats an operand's only element.
  void row(const int8_t* a, int32_t a_step, const int8_t* b, int32_t b_step, int8_t* y, int32_t count) const {
    int32_t i = 0;
    if (fixed_.shift >= 0 && count >= 16) {
      i = count / 16 * 16;
      int8_t same[2][16];
      vst1q_s8(same[0], vdupq_n_s8(a[0]));
      vst1q_s8(same[1], vdupq_n_s8(b[0]));
      vectors(a_step == 0 ? same[0] : a, a_step, b_step == 0 ? same[1] : b, b_step, y, i);
    }
    for (; i < count; i += 8) {
      const int32_t left = count - i;
      const int8x8_t sums = add(load(a + i * a_step, a_step, left), load(b + i * b_step, b_step, left));
      store_s8(y + i, sums, left);
    }
  }

 private:
  static int8x8_t load(const int8_t* x, int32_t step, int32_t left) {
    if (step == 0) return vdup_n_s8(x[0]);
    if (left >= 8) return vld1_s8(x);
    int8_t bytes[8] = {};
    for (int32_t i = 0; i < left; ++i) bytes[i] = x[i];
    return vld1_s8(bytes);
  }

  // Sixteen at a time, in fixed point.
  void vectors(const int8_t* a, ptrdiff_t a_step, const int8_t* b, ptrdiff_t b_step, int8_t* y, ptrdiff_t count) const {
    const int32x4_t a_factor = vdupq_n_s32(fixed_.a), b_factor = vdupq_n_s32(fixed_.b);
    const int32x4_t greater = vdupq_n_s32(fixed_.constant), lesser = vdupq_n_s32(fixed_.constant - fixed_.doubt);
    const int8x16_t least = vdupq_n_s8(static_cast<int8_t>(p_.out_min)), most = vdupq_n_s8(static_cast<int8_t>(p_.out_max));
    for (ptrdiff_t i = 0; i < count; i += 16) {
      const int8x16_t u = vld1q_s8(a + i * a_step), v = vld1q_s8(b + i * b_step);
      const int16x8_t us[2] = {vmovl_s8(vget_low_s8(u)), vmovl_s8(vget_high_s8(u))};
      const int16x8_t vs[2] = {vmovl_s8(vget_low_s8(v)), vmovl_s8(vget_high_s8(v))};
      int8x8_t high[2], low[2];
      SINTER_UNROLL
      for (int j = 0; j < 2; ++j) {
        int32x4_t t[2] = {vmulq_s32(vmovl_s16(vget_low_s16(us[j])), a_factor),
                          vmulq_s32(vmovl_s16(vget_high_s16(us[j])), a_factor)};
        t[0] = vmlaq_s32(t[0], vmovl_s16(vget_low_s16(vs[j])), b_factor);
        t[1] = vmlaq_s32(t[1], vmovl_s16(vget_high_s16(vs[j])), b_factor);
        high[j] = vqshrn_n_s16(vcombine_s16(vaddhn_s32(t[0], greater), vaddhn_s32(t[1], greater)), kShift);
        low[j] = vqshrn_n_s16(vcombine_s16(vaddhn_s32(t[0], lesser), vaddhn_s32(t[1], lesser)), kShift);
      }
      const int8x16_t sums = vcombine_s8(high[0], high[1]);
      const uint8x16_t doubtful = vreinterpretq_u8_s8(veorq_s8(sums, vcombine_s8(low[0], low[1])));
      if (any(doubtful)) {
        vst1q_s8(y + i, vcombine_s8(add(vget_low_s8(u), vget_low_s8(v)), add(vget_high_s8(u), vget_high_s8(v))));
      } else {
        vst1q_s8(y + i, vminq_s8(vmaxq_s8(sums, least), most));
      }
    }
  }

  int8x8_t add(int8x8_t a, int8x8_t b) const {
    const int16x8_t u = vsubq_s16(vmovl_s8(a), vdupq_n_s16(static_cast<int16_t>(p_.a_zero)));
    const int16x8_t v = vsubq_s16(vmovl_s8(b), vdupq_n_s16(static_cast<int16_t>(p_.b_zero)));
    return pack_s8(add(vget_low_s16(u), vget_low_s16(v)), add(vget_high_s16(u), vget_high_s16(v)), p_.out_zero, p_.out_min,
                   p_.out_max);
  }

  int32x4_t add(int16x4_t u, int16x4_t v) const {
    return rescale(vaddq_s32(rescale(vmovl_s16(u), a_), rescale(vmovl_s16(v), b_)), y_);
  }

  static constexpr int32_t kShift = 5;  // the unit is 2^-21: sums of values up to 1023 fit int32

  const AddS8Params& p_;
  const Rescaler a_, b_, y_;
  const FixedSum fixed_;
};

template <class Isa>
static Status add_rows(const void* params, void* const* operands, int32_t begin, int32_t end) {
  const AddS8Params& p = *static_cast<const AddS8Params*>(params);
  const AddS8<Isa> sum(p);
  const int8_t *a = static_cast<const int8_t*>(operands[0]), *b = static_cast<const int8_t*>(operands[1]);
  int8_t* y = static_cast<int8_t*>(operands[2]);
  for_each_row(p, begin, end, [&](ptrdiff_t a_at, ptrdiff_t b_at, ptrdiff_t y_at, int32_t count) {
    sum.row(a + a_at, p.a_stride[7], b + b_at, p.b_stride[7], y + y_at, count);
  });
  return kOk;
}

}  // namespace sinter
