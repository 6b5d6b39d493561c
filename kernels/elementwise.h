// What elementwise families share: tiles of elements, and two operands broadcast against each other.
#pragma once

#include "check.h"

namespace sinter {

// Elements of one tile.
constexpr int32_t kBlock = 4096;

// The elements of tiles [begin, end), of `count` in all.
struct Elements {
  int32_t begin, end;
};

static inline Elements elements(int32_t count, int32_t begin, int32_t end) {
  int64_t last = int64_t{end} * kBlock;
  return {begin * kBlock, last < count ? static_cast<int32_t>(last) : count};
}

// The output's shape, leading axes filled with ones, and the operands' element strides along it: 0 where an operand is repeated.
// Along the last axis strides are 0 or 1.
#define SINTER_BROADCAST(F, A) \
  A(int32_t, shape, 8)         \
  A(int32_t, a_stride, 8)      \
  A(int32_t, b_stride, 8)

template <class Params>
constexpr Count broadcast_count(const Params& p) {
  Count count(int32_t{1});
  for (int i = 0; i < 8; ++i) count = count * Count(p.shape[i]);
  return count;
}

// Elements from the first to the last one that these strides reach; the shape has no zero.
constexpr Count reach(const int32_t* shape, const int32_t* stride) {
  Count last(int32_t{1});
  for (int i = 0; i < 8; ++i) last = last + Count(shape[i] - 1) * Count(stride[i]);
  return last;
}

template <class Params>
constexpr bool broadcast_valid(const Params& p) {
  for (int i = 0; i < 8; ++i) {
    if (p.shape[i] < 1 || p.a_stride[i] < 0 || p.b_stride[i] < 0) return false;
  }
  if (p.a_stride[7] > 1 || p.b_stride[7] > 1) return false;
  return broadcast_count(p).value <= INT32_MAX - kBlock && reach(p.shape, p.a_stride).value <= INT32_MAX &&
         reach(p.shape, p.b_stride).value <= INT32_MAX;
}

// The extents of two operands and the output, of element types A, B and Y.
template <class A, class B, class Y, class Params>
constexpr bool broadcast_holds(const Params& p, const Extent* operands) {
  return holds<A>(operands[0], reach(p.shape, p.a_stride)) && holds<B>(operands[1], reach(p.shape, p.b_stride)) &&
         holds<Y>(operands[2], broadcast_count(p)) && operands[2].writable != 0;
}

template <class Params>
inline int32_t broadcast_tiles(const Params& p) {
  return static_cast<int32_t>((broadcast_count(p).value + kBlock - 1) / kBlock);
}

// Calls row(a offset, b offset, output offset, count) for every run along the last axis within tiles [begin, end).
template <class Params, class Row>
static inline void for_each_row(const Params& p, int32_t begin, int32_t end, Row row) {
  const Elements range = elements(static_cast<int32_t>(broadcast_count(p).value), begin, end);
  int32_t index[8], rest = range.begin;
  int32_t a = 0, b = 0;
  for (int i = 7; i >= 0; --i) {
    index[i] = rest % p.shape[i];
    rest /= p.shape[i];
    a += index[i] * p.a_stride[i];
    b += index[i] * p.b_stride[i];
  }
  for (int32_t y = range.begin; y < range.end;) {
    const int32_t left = range.end - y, whole = p.shape[7] - index[7];
    const int32_t count = whole < left ? whole : left;
    row(ptrdiff_t{a}, ptrdiff_t{b}, ptrdiff_t{y}, count);
    y += count;
    a -= index[7] * p.a_stride[7];
    b -= index[7] * p.b_stride[7];
    index[7] = 0;
    for (int i = 6; i >= 0; --i) {
      a += p.a_stride[i];
      b += p.b_stride[i];
      if (++index[i] < p.shape[i]) break;
      a -= p.shape[i] * p.a_stride[i];
      b -= p.shape[i] * p.b_stride[i];
      index[i] = 0;
    }
  }
}

}  // namespace sinter
