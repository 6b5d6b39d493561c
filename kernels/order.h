// The order of elements that argmax and topk share.
#pragma once

namespace sinter {

template <class T>
static inline T sort_key(T x) {
  return x;
}

// x, or minus infinity for a NaN.
static inline float sort_key(float x) { return x == x ? x : -__builtin_inff(); }

}  // namespace sinter
