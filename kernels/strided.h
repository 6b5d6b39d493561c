// Strided views: an index space of rank 8, outermost axis first, and how many elements apart each operand's elements lie along
// each axis. Lower ranks fill the leading axes with extent 1. A stride of 0 repeats an element, a negative one walks backwards.
#pragma once

#include "check.h"

namespace sinter {

constexpr int kRank = 8;

// True when there are 1 to 2^30 indices.
constexpr bool shape_valid(const int32_t* shape) {
  Count count(int32_t{1});
  for (int axis = 0; axis < kRank; ++axis) {
    if (shape[axis] < 1) return false;
    count = count * Count(shape[axis]);
  }
  return count.value <= 1 << 30;
}

// The number of indices of a valid shape.
constexpr int32_t index_count(const int32_t* shape) {
  int32_t count = 1;
  for (int axis = 0; axis < kRank; ++axis) count *= shape[axis];
  return count;
}

// True for the element sizes that moving kernels know.
constexpr bool element_size_valid(int32_t size) { return size == 1 || size == 2 || size == 4 || size == 8; }

// Calls body with an unsigned integer of a valid element size.
template <class Body>
static inline void with_size(int32_t size, Body body) {
  switch (size) {
    case 1:
      return body(uint8_t{});
    case 2:
      return body(uint16_t{});
    case 4:
      return body(uint32_t{});
    default:
      return body(uint64_t{});
  }
}

// True when every element at offset + sum(index * stride), `size` bytes each, lies inside the operand, aligned to its size.
constexpr bool reaches_inside(const Extent& operand, int32_t size, const int32_t* shape, const int32_t* stride, int32_t offset) {
  int64_t low = offset, high = offset;
  for (int axis = 0; axis < kRank; ++axis) {
    const int64_t reach = int64_t{shape[axis] - 1} * stride[axis];
    if (!in_range(reach, -int64_t{INT32_MAX}, INT32_MAX)) return false;
    (reach < 0 ? low : high) += reach;
  }
  if (low < 0 || high >= INT32_MAX || operand.alignment < static_cast<uint32_t>(size)) return false;
  return static_cast<uint64_t>(high + 1) * static_cast<uint64_t>(size) <= operand.bytes;
}

// Walks the elements [begin, end) of the index space in row-major order, one call of row(position, count, offsets) for each
// stretch along the last axis; offsets are those of the stretch's first element in each of N operands.
template <int N, class Row>
static inline void walk_rows(const int32_t* shape, const int32_t* const (&strides)[N], int32_t begin, int32_t end, Row row) {
  int32_t index[kRank];
  ptrdiff_t offsets[N] = {};
  int32_t rest = begin;
  for (int axis = kRank - 1; axis >= 0; --axis) {
    index[axis] = shape[axis] == 1 ? 0 : rest % shape[axis];
    rest = shape[axis] == 1 ? rest : rest / shape[axis];
    for (int i = 0; i < N; ++i) offsets[i] += ptrdiff_t{index[axis]} * strides[i][axis];
  }
  constexpr int kLast = kRank - 1;
  for (int32_t position = begin; position < end;) {
    const int32_t left = shape[kLast] - index[kLast];
    const int32_t count = left < end - position ? left : end - position;
    row(position, count, offsets);
    position += count;
    index[kLast] += count;
    for (int i = 0; i < N; ++i) offsets[i] += ptrdiff_t{count} * strides[i][kLast];
    for (int axis = kLast; axis > 0 && index[axis] == shape[axis]; --axis) {
      index[axis] = 0;
      ++index[axis - 1];
      for (int i = 0; i < N; ++i) offsets[i] += strides[i][axis - 1] - ptrdiff_t{shape[axis]} * strides[i][axis];
    }
  }
}

}  // namespace sinter
