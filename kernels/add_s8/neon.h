// add_s8 for both Arm architectures; Isa is a type that no other source file has.
#pragma once

#include "../requantize_neon.h"
#include "add_s8.h"

namespace sinter {

template <class Isa>
class AddS8 {
 public:
  explicit AddS8(const AddS8Params& p)
      : p_(p),
        a_(load_rescaler(p.a_multiplier, p.a_shift, kAddLeftShift)),
        b_(load_rescaler(p.b_multiplier, p.b_shift, kAddLeftShift)),
        y_(load_rescaler(p.multiplier, p.shift, 0)) {}

  // A row of `count` elements; a step of 0 repeats an operand's only element.
  void row(const int8_t* a, int32_t a_step, const int8_t* b, int32_t b_step, int8_t* y, int32_t count) const {
    for (int32_t i = 0; i < count; i += 8) {
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

  int8x8_t add(int8x8_t a, int8x8_t b) const {
    const int16x8_t u = vsubq_s16(vmovl_s8(a), vdupq_n_s16(static_cast<int16_t>(p_.a_zero)));
    const int16x8_t v = vsubq_s16(vmovl_s8(b), vdupq_n_s16(static_cast<int16_t>(p_.b_zero)));
    return pack_s8(add(vget_low_s16(u), vget_low_s16(v)), add(vget_high_s16(u), vget_high_s16(v)), p_.out_zero, p_.out_min,
                   p_.out_max);
  }

  int32x4_t add(int16x4_t u, int16x4_t v) const {
    return rescale(vaddq_s32(rescale(vmovl_s16(u), a_), rescale(vmovl_s16(v), b_)), y_);
  }

  const AddS8Params& p_;
  const Rescaler a_, b_, y_;
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
