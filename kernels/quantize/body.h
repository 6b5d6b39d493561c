// The arithmetic of every kernel of the family, vectorised by the compiler for each instruction set.
#pragma once

#include "../stored.h"
#include "quantize.h"

namespace sinter {
namespace {

// round(x), halves away from zero, within [low, high]; NaN as 0. The bounds are integers below 2^31.
inline float rounded(float x, float low, float high) {
  const float limited = x > low ? (x < high ? x : high) : low;
  const float finite = x == x ? limited : 0.0f;
  const float magnitude = finite < 0.0f ? -finite : finite;
  const float whole = static_cast<float>(static_cast<int32_t>(magnitude));
  const float nearest = whole + (magnitude - whole >= 0.5f ? 1.0f : 0.0f);
  return finite < 0.0f ? -nearest : nearest;
}

template <class T>
inline T stored_from(float x, int32_t zero) {
  const float low = static_cast<float>(inside<T>(INT32_MIN) - zero), high = static_cast<float>(inside<T>(INT32_MAX) - zero);
  const float nearest = rounded(x, low, high);
  return static_cast<T>(static_cast<int32_t>(nearest) + zero);
}

// Beyond 2^23 a float is whole already, and the sum may leave int32.
template <>
inline int32_t stored_from<int32_t>(float x, int32_t zero) {
  const float big = 8589934592.0f;
  const bool fine = x > -8388608.0f && x < 8388608.0f;
  const float limited = x >= big ? big : (x > -big ? x : -big);
  const int64_t value =
      fine ? int64_t{static_cast<int32_t>(rounded(x, -8388608.0f, 8388608.0f))} : (x == x ? static_cast<int64_t>(limited) : 0);
  const int64_t sum = value + zero;
  return static_cast<int32_t>(sum < INT32_MIN ? INT32_MIN : (sum > INT32_MAX ? INT32_MAX : sum));
}

Status quantize(const void* params, void* const* operands, int32_t begin, int32_t end) {
  const QuantizeParams& p = *static_cast<const QuantizeParams*>(params);
  const float* x = static_cast<const float*>(operands[0]);
  const float* scale = static_cast<const float*>(operands[1]);
  const int32_t* zero = static_cast<const int32_t*>(operands[2]);
  with_stored(p.dtype, [&](auto type) {
    using T = decltype(type);
    T* y = static_cast<T*>(operands[3]);
    for_each_channel(p, begin, end, [&](ptrdiff_t at, int32_t count, int32_t channel, int32_t step) {
      const float* from = x + at;
      T* to = y + at;
      if (step == 0) {
        const float s = scale[channel];
        const int32_t z = inside<T>(zero[channel]);
        for (int32_t i = 0; i < count; ++i) to[i] = stored_from<T>(from[i] / s, z);
      } else {
        for (int32_t i = 0; i < count; ++i) to[i] = stored_from<T>(from[i] / scale[channel + i], inside<T>(zero[channel + i]));
      }
    });
  });
  return kOk;
}

}  // namespace
}  // namespace sinter
