#include "../dtype.h"
#include "reduce_int.h"

namespace sinter {

extern "C" Status reduce_int__scalar(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  const ReduceIntParams& p = *static_cast<const ReduceIntParams*>(params);
  with_integer(p.dtype, [&](auto type) {
    using T = decltype(type);
    const T* x = static_cast<const T*>(operands[0]);
    T* y = static_cast<T*>(operands[1]);
    const auto finish = [&](ptrdiff_t output, T value) { y[output] = value; };
    const auto add = [](T a, T b) { return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b)); };
    const auto multiply = [](T a, T b) { return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b)); };
    const auto maximum = [](T a, T b) { return a > b ? a : b; };
    const auto minimum = [](T a, T b) { return a < b ? a : b; };
    constexpr int kBits = 8 * static_cast<int>(sizeof(T));
    constexpr T kLowest = T(-1) < T(0) ? static_cast<T>(uint64_t{1} << (kBits - 1)) : T(0);
    constexpr T kHighest = static_cast<T>(~static_cast<uint64_t>(kLowest));
    switch (p.kind) {
      case kReduceIntSum:
        reduce(p, x, begin, end, T(0), add, add, finish);
        break;
      case kReduceIntProduct:
        reduce(p, x, begin, end, T(1), multiply, multiply, finish);
        break;
      case kReduceIntMaximum:
        reduce(p, x, begin, end, kLowest, maximum, maximum, finish);
        break;
      default:
        reduce(p, x, begin, end, kHighest, minimum, minimum, finish);
        break;
    }
  });
  return kOk;
}

}  // namespace sinter
