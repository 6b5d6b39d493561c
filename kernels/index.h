// Indices that are known at run time only: int32 or int64, negative ones counting from the end.
#pragma once

#include "strided.h"

namespace sinter {

constexpr bool index_size_valid(int32_t size) { return size == 4 || size == 8; }

// Index number `at` as 0 to extent - 1, or -1 where it is out of range.
static inline int32_t read_index(const void* indices, int32_t size, ptrdiff_t at, int32_t extent) {
  int64_t index = size == 4 ? static_cast<const int32_t*>(indices)[at] : static_cast<const int64_t*>(indices)[at];
  if (index < -int64_t{extent} || index >= extent) return -1;
  return static_cast<int32_t>(index < 0 ? index + extent : index);
}

static inline void write_index(void* indices, int32_t size, ptrdiff_t at, int32_t index) {
  if (size == 4) {
    static_cast<int32_t*>(indices)[at] = index;
  } else {
    static_cast<int64_t*>(indices)[at] = index;
  }
}

// True when every element at sum(i * stride) + index * axis_stride, 0 <= index < extent, lies inside the operand.
constexpr bool indexed_inside(const Extent& operand, int32_t size, const int32_t* shape, const int32_t* stride, int32_t axis_stride,
                              int32_t extent) {
  if (extent < 1 || axis_stride < 0) return false;
  const int64_t last = int64_t{extent - 1} * axis_stride;
  return last < INT32_MAX && reaches_inside(operand, size, shape, stride, 0) &&
         reaches_inside(operand, size, shape, stride, static_cast<int32_t>(last));
}

// How many slices tuples of `depth` indices tell apart; 0 where depth or an extent is out of range.
constexpr Count indexed_slices(const int32_t* extent, int32_t depth) {
  Count count(int32_t{1});
  if (!in_range(depth, 1, kRank)) return Count(int32_t{0});
  for (int32_t i = 0; i < depth; ++i) count = count * (extent[i] < 1 ? Count(int32_t{0}) : Count(extent[i]));
  return count;
}

// The slice that tuple number `row` means, or -1 where one of its indices is out of range.
static inline int32_t read_tuple(const void* indices, int32_t size, int32_t row, const int32_t* extent, int32_t depth) {
  int32_t slice = 0;
  for (int32_t i = 0; i < depth; ++i) {
    const int32_t index = read_index(indices, size, ptrdiff_t{row} * depth + i, extent[i]);
    if (index < 0) return -1;
    slice = slice * extent[i] + index;
  }
  return slice;
}

// A copy of bytes, fast for those of one element.
static inline void copy_bytes(uint8_t* to, const uint8_t* from, size_t bytes) {
  switch (bytes) {
    case 1:
      *to = *from;
      break;
    case 4:
      __builtin_memcpy(to, from, 4);
      break;
    case 8:
      __builtin_memcpy(to, from, 8);
      break;
    default:
      __builtin_memcpy(to, from, bytes);
  }
}

}  // namespace sinter
