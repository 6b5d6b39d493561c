#include "../requantize.h"
#include "softmax_s8.h"

namespace sinter {
namespace {

constexpr int32_t kAccumulatorIntegerBits = 12;

// x * y where both have 2 integer bits: 4 integer bits, brought back to 2 with saturation.
int32_t product_of_two_bits(int32_t x, int32_t y) {
  const int32_t product = rounding_doubling_high_mul(x, y);
  const int32_t limit = (1 << 29) - 1;
  if (product > limit) return INT32_MAX;
  if (product < -limit) return INT32_MIN;
  return product * 4;
}

// 1 / (1 + x) in Q0.31 for x in [0, 1), given in Q0.31: Newton-Raphson from 48/17 - 32/17 d, where d = (1 + x) / 2.
int32_t reciprocal_of_one_plus(int32_t x) {
  const int32_t half_denominator = static_cast<int32_t>((int64_t{x} + INT32_MAX + 1) / 2);
  const int32_t first = 1515870810, slope = -1010580540, one = 1 << 29;
  int32_t y = wrapping_add(first, rounding_doubling_high_mul(half_denominator, slope));
  for (int i = 0; i < 3; ++i) {
    const int32_t rest = wrapping_add(one, -rounding_doubling_high_mul(half_denominator, y));
    y = wrapping_add(y, product_of_two_bits(y, rest));
  }
  const int32_t limit = (1 << 30) - 1;
  return y > limit ? INT32_MAX : (y < -limit ? INT32_MIN : y * 2);
}

int32_t leading_zeros(uint32_t x) {
  int32_t zeros = 0;
  for (uint32_t bit = 1u << 31; bit != 0 && (x & bit) == 0; bit >>= 1) ++zeros;
  return zeros;
}

}  // namespace

extern "C" Status softmax_s8__scalar(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  const SoftmaxS8Params& p = *static_cast<const SoftmaxS8Params*>(params);
  const int32_t* exponentials = static_cast<const int32_t*>(operands[1]);
  for (int32_t row = begin; row < end; ++row) {
    const ptrdiff_t start = ptrdiff_t{row / p.inner} * p.depth * p.inner + row % p.inner;
    const int8_t* x = static_cast<const int8_t*>(operands[0]) + start;
    int8_t* y = static_cast<int8_t*>(operands[2]) + start;
    int32_t largest = -128;
    for (ptrdiff_t i = 0; i < p.depth; ++i) {
      if (x[i * p.inner] > largest) largest = x[i * p.inner];
    }
    const int32_t* table = exponentials + 255 - largest;
    uint32_t sum = 0;
    for (ptrdiff_t i = 0; i < p.depth; ++i) {
      sum += static_cast<uint32_t>(rounding_divide_by_power_of_two(table[x[i * p.inner]], kAccumulatorIntegerBits));
    }
    const int32_t zeros = leading_zeros(sum);
    const uint32_t fraction = zeros < 32 ? (sum << zeros) - (1u << 31) : 0;
    const int32_t scale = reciprocal_of_one_plus(static_cast<int32_t>(fraction));
    const int32_t exponent = kAccumulatorIntegerBits - zeros + 31 - 8;
    for (ptrdiff_t i = 0; i < p.depth; ++i) {
      const int32_t product = rounding_doubling_high_mul(scale, table[x[i * p.inner]]);
      const int32_t value = exponent > 31 ? 0 : rounding_divide_by_power_of_two(product, exponent);
      y[i * p.inner] = static_cast<int8_t>(clamp(value - 128, -128, 127));
    }
  }
  return kOk;
}

}  // namespace sinter
