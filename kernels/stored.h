// Quantised tensors [outer, channels, inner] of any stored element type, a scale and zero point for each channel.
#pragma once

#include "dtype.h"
#include "elementwise.h"

namespace sinter {

template <class Params>
constexpr Count channels_count(const Params& p) {
  return Count(p.outer) * Count(p.channels) * Count(p.inner);
}

template <class Params>
constexpr bool channels_valid(const Params& p) {
  return p.outer >= 1 && p.channels >= 1 && p.inner >= 1 && channels_count(p).value <= INT32_MAX - kBlock;
}

template <class Params>
inline int32_t channels_tiles(const Params& p) {
  return div_up(p.outer * p.channels * p.inner, kBlock);
}

// Bytes of one element of a stored type, 0 where it is none.
constexpr int32_t stored_size(int32_t dtype) {
  return in_range(dtype, static_cast<int32_t>(DType::kInt8), static_cast<int32_t>(DType::kInt32)) ? dtype_size(dtype) : 0;
}

constexpr bool holds_stored(const Extent& operand, int32_t dtype, Count elements) {
  const uint32_t size = static_cast<uint32_t>(stored_size(dtype));
  return operand.bytes >= (elements * Count(uint64_t{size})).value && operand.alignment >= size;
}

// A zero point brought inside its element type.
template <class T>
static inline int32_t inside(int32_t zero) {
  const int32_t low = T(-1) < T(0) ? -static_cast<int32_t>((int64_t{1} << (8 * sizeof(T) - 1)) - 1) - 1 : 0;
  const int32_t high = static_cast<int32_t>((int64_t{1} << (8 * sizeof(T) - (T(-1) < T(0) ? 1 : 0))) - 1);
  return zero < low ? low : (zero > high ? high : zero);
}

// Calls row(first element, count, channel) for every run of elements that share a channel, or of channels where inner is 1, within
// tiles [begin, end); a run's channels start at `channel` and advance by `step` an element.
template <class Params, class Row>
static inline void for_each_channel(const Params& p, int32_t begin, int32_t end, Row row) {
  const Elements range = elements(p.outer * p.channels * p.inner, begin, end);
  const bool together = p.inner == 1 && p.channels > 1;
  const int32_t length = together ? p.channels : p.inner;
  for (int32_t at = range.begin; at < range.end;) {
    const int32_t index = at % length, left = range.end - at;
    const int32_t count = length - index < left ? length - index : left;
    row(ptrdiff_t{at}, count, together ? index : at / p.inner % p.channels, together ? 1 : 0);
    at += count;
  }
}

}  // namespace sinter
