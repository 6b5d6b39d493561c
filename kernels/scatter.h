// How scattered updates meet what is there already.
#pragma once

#include "dtype.h"
#include "index.h"

namespace sinter {

enum Reduction : int32_t { kReplace, kReduceAdd, kReduceMultiply, kReduceMinimum, kReduceMaximum };

// to[i] = to[i] <reduction> from[i] for `count` elements.
using Combine = void (*)(void* to, const void* from, int32_t count);

namespace scattering {

template <class T, T (*kOperation)(T, T)>
static void combine(void* to, const void* from, int32_t count) {
  T* y = static_cast<T*>(to);
  const T* x = static_cast<const T*>(from);
  for (int32_t i = 0; i < count; ++i) y[i] = kOperation(y[i], x[i]);
}

// clang-format off
template <class T> static T sum(T a, T b) { return static_cast<T>(static_cast<Wrapping<T>>(a) + static_cast<Wrapping<T>>(b)); }
template <class T> static T product(T a, T b) { return static_cast<T>(static_cast<Wrapping<T>>(a) * static_cast<Wrapping<T>>(b)); }
template <class T> static T minimum(T a, T b) { return b < a || b != b ? b : a; }
template <class T> static T maximum(T a, T b) { return a < b || b != b ? b : a; }
// clang-format on

}  // namespace scattering

// The function for a reduction on elements of dtype, integers wrapping; null where there is none.
static inline Combine choose_combine(int32_t dtype, int32_t reduction) {
  Combine result = nullptr;
  with_number(dtype, [&](auto type) {
    using T = decltype(type);
    constexpr Combine kCombine[] = {scattering::combine<T, scattering::sum<T>>, scattering::combine<T, scattering::product<T>>,
                                    scattering::combine<T, scattering::minimum<T>>, scattering::combine<T, scattering::maximum<T>>};
    if (in_range(reduction, kReduceAdd, kReduceMaximum)) result = kCombine[reduction - kReduceAdd];
  });
  return result;
}

constexpr bool reduction_valid(int32_t dtype, int32_t reduction) {
  return dtype_size(dtype) != 0 && in_range(reduction, kReplace, kReduceMaximum) &&
         (reduction == kReplace || dtype < static_cast<int32_t>(DType::kBool));
}

}  // namespace sinter
