#include "../dtype.h"
#include "binary_int.h"

namespace sinter {
namespace {

template <class T>
constexpr bool kSigned = T(-1) < T(0);

template <class T>
T divide(T a, T b) {
  if (b == 0) return 0;
  if (kSigned<T> && b == T(-1)) return static_cast<T>(Wrapping<T>(0) - static_cast<Wrapping<T>>(a));
  return static_cast<T>(a / b);
}

template <class T>
T remainder(T a, T b) {
  if (b == 0 || (kSigned<T> && b == T(-1))) return 0;
  return static_cast<T>(a % b);
}

template <class T>
bool rounds_up(T a, T b) {
  return b != 0 && remainder(a, b) != 0 && (a < 0) != (b < 0);
}

template <class T>
T power(T base, T exponent) {
  if (exponent < 0) {
    if (base == 1) return 1;
    if (base == T(-1)) return (exponent & 1) != 0 ? T(-1) : T(1);
    return 0;
  }
  Wrapping<T> result = 1, square = static_cast<Wrapping<T>>(base);
  for (auto rest = static_cast<uint64_t>(exponent); rest != 0; rest >>= 1) {
    if ((rest & 1) != 0) result *= square;
    square *= square;
  }
  return static_cast<T>(result);
}

template <class T>
bool shifts_out(T count) {
  return count < 0 || static_cast<uint64_t>(count) >= 8 * sizeof(T);
}

// clang-format off
template <class T> T add(T a, T b) { return static_cast<T>(static_cast<Wrapping<T>>(a) + static_cast<Wrapping<T>>(b)); }
template <class T> T subtract(T a, T b) { return static_cast<T>(static_cast<Wrapping<T>>(a) - static_cast<Wrapping<T>>(b)); }
template <class T> T multiply(T a, T b) { return static_cast<T>(static_cast<Wrapping<T>>(a) * static_cast<Wrapping<T>>(b)); }
template <class T> T floor_divide(T a, T b) { return static_cast<T>(divide(a, b) - (rounds_up(a, b) ? 1 : 0)); }
template <class T> T modulo(T a, T b) { return static_cast<T>(remainder(a, b) + (rounds_up(a, b) ? b : T(0))); }
template <class T> T minimum(T a, T b) { return b < a ? b : a; }
template <class T> T maximum(T a, T b) { return a < b ? b : a; }
template <class T> T bit_and(T a, T b) { return static_cast<T>(a & b); }
template <class T> T bit_or(T a, T b) { return static_cast<T>(a | b); }
template <class T> T bit_xor(T a, T b) { return static_cast<T>(a ^ b); }
template <class T> T shift_left(T a, T b) { return shifts_out(b) ? T(0) : static_cast<T>(static_cast<Wrapping<T>>(a) << b); }
template <class T> T shift_right(T a, T b) { return shifts_out(b) ? T(a < 0 ? -1 : 0) : static_cast<T>(a >> b); }
// clang-format on

template <class T, T (*kOperation)(T, T)>
void apply(const void* a, const void* b, void* y, int32_t count, ptrdiff_t a_step, ptrdiff_t b_step) {
  const T *left = static_cast<const T*>(a), *right = static_cast<const T*>(b);
  T* to = static_cast<T*>(y);
  for (int32_t i = 0; i < count; ++i) to[i] = kOperation(left[i * a_step], right[i * b_step]);
}

template <class T>
BinaryRow choose(int32_t kind) {
  static constexpr BinaryRow kRows[] = {
      apply<T, add<T>>,       apply<T, subtract<T>>, apply<T, multiply<T>>, apply<T, divide<T>>,     apply<T, floor_divide<T>>,
      apply<T, remainder<T>>, apply<T, modulo<T>>,   apply<T, minimum<T>>,  apply<T, maximum<T>>,    apply<T, power<T>>,
      apply<T, bit_and<T>>,   apply<T, bit_or<T>>,   apply<T, bit_xor<T>>,  apply<T, shift_left<T>>, apply<T, shift_right<T>>};
  static_assert(sizeof(kRows) / sizeof(kRows[0]) == kIntShiftRight + 1);
  return kRows[kind];
}

}  // namespace

extern "C" Status binary_int__scalar(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  const BinaryIntParams& p = *static_cast<const BinaryIntParams*>(params);
  const int32_t dtype = p.dtype == static_cast<int32_t>(DType::kBool) ? static_cast<int32_t>(DType::kUint8) : p.dtype;
  with_integer(dtype, [&](auto type) {
    using T = decltype(type);
    run_rows(p, operands, begin, end, int32_t{sizeof(T)}, int32_t{sizeof(T)}, choose<T>(p.kind));
  });
  return kOk;
}

}  // namespace sinter
