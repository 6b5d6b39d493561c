// Reductions over any axes of a tensor: the output's index space and the reduced one, each of rank 8 (leading axes filled with
// ones), with the strides of the input's elements along them.
//
// Where the input is contiguous along the output's last axis, kColumns outputs are folded at a time, each in order; else one
// output at a time, in kLanes lanes along the last reduced axis.
#pragma once

#include "lanes.h"
#include "strided.h"

namespace sinter {

#define SINTER_REDUCTION(F, A) \
  A(int32_t, shape, 8)         \
  A(int32_t, stride, 8)        \
  A(int32_t, axis_shape, 8)    \
  A(int32_t, axis_stride, 8)

constexpr int32_t kColumns = 32;

template <class Params>
constexpr bool reduction_valid(const Params& p) {
  return shape_valid(p.shape) && shape_valid(p.axis_shape);
}

template <class Params>
constexpr Count reduction_outputs(const Params& p) {
  return Count(index_count(p.shape));
}

// True when every element that is read lies inside the operand, `size` bytes each.
template <class Params>
constexpr bool reduction_inside(const Params& p, const Extent& operand, int32_t size) {
  int64_t last = 0;
  for (int axis = 0; axis < kRank; ++axis) {
    if (p.stride[axis] < 0 || p.axis_stride[axis] < 0) return false;
    const int64_t a = int64_t{p.shape[axis] - 1} * p.stride[axis], b = int64_t{p.axis_shape[axis] - 1} * p.axis_stride[axis];
    if (a > INT32_MAX || b > INT32_MAX) return false;
    last += a + b;
  }
  return last < INT32_MAX && holds_elements(operand, size, Count(static_cast<uint64_t>(last + 1)));
}

template <class Params>
constexpr bool in_columns(const Params& p) {
  return p.stride[7] == 1 && p.shape[7] > 1 && p.axis_stride[7] != 1;
}

template <class Params>
constexpr int32_t reduction_tiles(const Params& p) {
  const int32_t count = index_count(p.shape);
  return in_columns(p) ? count / p.shape[7] * div_up(p.shape[7], kColumns) : count;
}

// Where the input's elements for output number `index` begin.
static inline ptrdiff_t strided_offset(const int32_t* shape, const int32_t* stride, int32_t index) {
  ptrdiff_t offset = 0;
  for (int axis = kRank - 1; axis >= 0; --axis) {
    offset += ptrdiff_t{index % shape[axis]} * stride[axis];
    index /= shape[axis];
  }
  return offset;
}

// Calls run(offset) for every run of axis_shape[7] reduced elements, in order.
template <class Params, class Run>
static inline void for_each_run(const Params& p, Run run) {
  const int32_t runs = index_count(p.axis_shape) / p.axis_shape[7];
  int32_t index[kRank] = {};
  ptrdiff_t offset = 0;
  for (int32_t r = 0; r < runs; ++r) {
    run(offset);
    for (int axis = kRank - 2; axis >= 0; --axis) {
      offset += p.axis_stride[axis];
      if (++index[axis] < p.axis_shape[axis]) break;
      offset -= ptrdiff_t{p.axis_shape[axis]} * p.axis_stride[axis];
      index[axis] = 0;
    }
  }
}

// finish(output, accumulator) for every output of tiles [begin, end), where the accumulator is `first` folded with every element:
// fold(accumulator, element); join adds up what lanes hold.
template <class T, class Acc, class Params, class Fold, class Join, class Finish>
static inline void reduce(const Params& p, const T* x, int32_t begin, int32_t end, Acc first, Fold fold, Join join, Finish finish) {
  const int32_t length = p.axis_shape[7];
  const ptrdiff_t step = p.axis_stride[7];
  if (in_columns(p)) {
    const int32_t blocks = div_up(p.shape[7], kColumns);
    for (int32_t tile = begin; tile < end; ++tile) {
      const int32_t column = tile % blocks * kColumns, left = p.shape[7] - column;
      const int32_t output = tile / blocks * p.shape[7] + column, count = left < kColumns ? left : kColumns;
      const T* from = x + strided_offset(p.shape, p.stride, output);
      Acc acc[kColumns];
      for (int32_t j = 0; j < kColumns; ++j) acc[j] = first;
      for_each_run(p, [&](ptrdiff_t offset) {
        for (int32_t i = 0; i < length; ++i) {
          const T* row = from + offset + i * step;
          for (int32_t j = 0; j < count; ++j) acc[j] = fold(acc[j], row[j]);
        }
      });
      for (int32_t j = 0; j < count; ++j) finish(ptrdiff_t{output} + j, acc[j]);
    }
    return;
  }
  for (int32_t output = begin; output < end; ++output) {
    const T* from = x + strided_offset(p.shape, p.stride, output);
    Acc lanes[kLanes];
    for (int l = 0; l < kLanes; ++l) lanes[l] = first;
    for_each_run(p, [&](ptrdiff_t offset) {
      const T* row = from + offset;
      int32_t i = 0;
      if (step == 1) {
        for (; i + kLanes <= length; i += kLanes) {
          for (int l = 0; l < kLanes; ++l) lanes[l] = fold(lanes[l], row[i + l]);
        }
      }
      for (; i < length; ++i) lanes[i % kLanes] = fold(lanes[i % kLanes], row[i * step]);
    });
    finish(ptrdiff_t{output}, join_lanes(lanes, join));
  }
}

}  // namespace sinter
