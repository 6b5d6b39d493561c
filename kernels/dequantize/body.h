// The arithmetic of every kernel of the family, vectorised by the compiler for each instruction set.
#pragma once

#include "../stored.h"
#include "dequantize.h"

namespace sinter {
namespace {

template <class T>
inline float real_from(T x, int32_t zero) {
  return static_cast<float>(x - inside<T>(zero));
}

template <>
inline float real_from<int32_t>(int32_t x, int32_t zero) {
  return static_cast<float>(int64_t{x} - zero);
}

Status dequantize(const void* params, void* const* operands, int32_t begin, int32_t end) {
  const DequantizeParams& p = *static_cast<const DequantizeParams*>(params);
  const float* scale = static_cast<const float*>(operands[1]);
  const int32_t* zero = static_cast<const int32_t*>(operands[2]);
  float* y = static_cast<float*>(operands[3]);
  with_stored(p.dtype, [&](auto type) {
    using T = decltype(type);
    const T* x = static_cast<const T*>(operands[0]);
    for_each_channel(p, begin, end, [&](ptrdiff_t at, int32_t count, int32_t channel, int32_t step) {
      const T* from = x + at;
      float* to = y + at;
      if (step == 0) {
        const float s = scale[channel];
        const int32_t z = zero[channel];
        for (int32_t i = 0; i < count; ++i) to[i] = real_from<T>(from[i], z) * s;
      } else {
        for (int32_t i = 0; i < count; ++i) to[i] = real_from<T>(from[i], zero[channel + i]) * scale[channel + i];
      }
    });
  });
  return kOk;
}

}  // namespace
}  // namespace sinter
