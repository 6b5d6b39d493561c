// Weighted sums of elements along two adjacent axes; tables say which elements, and how much each counts.
//
//   output[o, h, w, :] = sum over i, j of row_weight[h, i] * column_weight[w, j] * input[o, row_index[h, i], column_index[w, j], :]
//
// Operands: input [outer, in_height, in_width, inner]; row_index int32 and row_weight [height, row_taps]; column_index int32 and
// column_weight [width, column_taps]; output [outer, height, width, inner].
//
// run() ends with kBadValue where an index lies outside the input. Tiles: one row of output pixels.
#pragma once

#include "check.h"
#include "vectorize.h"

namespace sinter {

#define SINTER_RESAMPLE(F, A) \
  F(int32_t, outer)           \
  F(int32_t, in_height)       \
  F(int32_t, in_width)        \
  F(int32_t, height)          \
  F(int32_t, width)           \
  F(int32_t, inner)           \
  F(int32_t, row_taps)        \
  F(int32_t, column_taps)

template <class Element, class Weight, class Params>
constexpr Status resample_check(const Params& p, const Extent* operands, size_t count) {
  const int32_t extents[] = {p.outer, p.in_height, p.in_width, p.height, p.width, p.inner, p.row_taps, p.column_taps};
  for (const int32_t extent : extents) {
    if (extent < 1) return kBadParams;
  }
  const Count in = Count(p.outer) * Count(p.in_height) * Count(p.in_width) * Count(p.inner);
  const Count out = Count(p.outer) * Count(p.height) * Count(p.width) * Count(p.inner);
  const Count rows = Count(p.height) * Count(p.row_taps), columns = Count(p.width) * Count(p.column_taps);
  if (in.value > INT32_MAX || out.value > INT32_MAX || rows.value > INT32_MAX || columns.value > INT32_MAX) return kBadParams;
  if (count != 6 || operands[5].writable == 0) return kBadOperands;
  const bool fits = holds<Element>(operands[0], in) && holds<int32_t>(operands[1], rows) && holds<Weight>(operands[2], rows) &&
                    holds<int32_t>(operands[3], columns) && holds<Weight>(operands[4], columns) && holds<Element>(operands[5], out);
  return fits ? kOk : kBadOperands;
}

// The tables of one output pixel: the elements that it sums up begin at source(i, j) and count weight(i, j) each.
template <class Arithmetic>
struct ResamplePixel {
  using Element = typename Arithmetic::Element;
  using Weight = typename Arithmetic::Weight;
  using Sum = typename Arithmetic::Sum;

  const Element* image;
  const int32_t* row_index;
  const int32_t* column_index;
  const Weight* row_weight;
  const Weight* column_weight;
  ptrdiff_t row_stride, column_stride;

  const Element* source(int32_t i, int32_t j) const { return image + row_index[i] * row_stride + column_index[j] * column_stride; }
  Sum weight(int32_t i, int32_t j) const { return Arithmetic::weight(row_weight[i], column_weight[j]); }
};

template <class Arithmetic, int kRows, int kColumns>
static inline void resample_few(const ResamplePixel<Arithmetic>& pixel, typename Arithmetic::Element* y, int32_t count) {
  const typename Arithmetic::Element* from[kRows * kColumns];
  typename Arithmetic::Sum weight[kRows * kColumns];
  for (int t = 0; t < kRows * kColumns; ++t) {
    from[t] = pixel.source(t / kColumns, t % kColumns);
    weight[t] = pixel.weight(t / kColumns, t % kColumns);
  }
  SINTER_VECTORIZE
  for (int32_t c = 0; c < count; ++c) {
    typename Arithmetic::Sum sum = Arithmetic::product(weight[0], from[0][c]);
    for (int t = 1; t < kRows * kColumns; ++t) sum += Arithmetic::product(weight[t], from[t][c]);
    y[c] = Arithmetic::finish(sum);
  }
}

// A row of `width` pixels with kInner elements each, which are too few to be a vector.
template <class Arithmetic, int kRows, int kColumns, int kInner>
static inline void resample_narrow(const ResamplePixel<Arithmetic>& first, typename Arithmetic::Element* y, int32_t width) {
  const int32_t* index = first.column_index;
  const typename Arithmetic::Weight* column = first.column_weight;
  const typename Arithmetic::Element* rows[kRows];
  for (int i = 0; i < kRows; ++i) rows[i] = first.image + first.row_index[i] * first.row_stride;
  SINTER_VECTORIZE
  for (int32_t w = 0; w < width; ++w) {
    typename Arithmetic::Sum sums[kInner] = {};
    for (int i = 0; i < kRows; ++i) {
      for (int j = 0; j < kColumns; ++j) {
        const typename Arithmetic::Sum weight = Arithmetic::weight(first.row_weight[i], column[w * kColumns + j]);
        for (int c = 0; c < kInner; ++c) sums[c] += Arithmetic::product(weight, rows[i][index[w * kColumns + j] * kInner + c]);
      }
    }
    for (int c = 0; c < kInner; ++c) y[w * kInner + c] = Arithmetic::finish(sums[c]);
  }
}

template <class Arithmetic>
static inline void resample_many(const ResamplePixel<Arithmetic>& pixel, int32_t rows, int32_t columns,
                                 typename Arithmetic::Element* y, int32_t count) {
  constexpr int32_t kRun = 64;
  for (int32_t first = 0; first < count; first += kRun) {
    const int32_t length = count - first < kRun ? count - first : kRun;
    typename Arithmetic::Sum sums[kRun] = {};
    for (int32_t i = 0; i < rows; ++i) {
      for (int32_t j = 0; j < columns; ++j) {
        const typename Arithmetic::Element* x = pixel.source(i, j) + first;
        const typename Arithmetic::Sum weight = pixel.weight(i, j);
        for (int32_t c = 0; c < length; ++c) sums[c] += Arithmetic::product(weight, x[c]);
      }
    }
    for (int32_t c = 0; c < length; ++c) y[first + c] = Arithmetic::finish(sums[c]);
  }
}

// Computes a whole row of output pixels, if there is a function for so few taps and elements.
template <class Arithmetic, class Params>
static inline bool resample_narrow_row(const ResamplePixel<Arithmetic>& first, const Params& p, typename Arithmetic::Element* y) {
  if (p.column_taps != 2 || p.row_taps > 2 || (p.inner != 1 && p.inner != 3)) return false;
  if (p.inner == 1) {
    p.row_taps == 1 ? resample_narrow<Arithmetic, 1, 2, 1>(first, y, p.width)
                    : resample_narrow<Arithmetic, 2, 2, 1>(first, y, p.width);
  } else {
    p.row_taps == 1 ? resample_narrow<Arithmetic, 1, 2, 3>(first, y, p.width)
                    : resample_narrow<Arithmetic, 2, 2, 3>(first, y, p.width);
  }
  return true;
}

static inline bool indices_inside(const int32_t* index, ptrdiff_t count, int32_t extent) {
  for (ptrdiff_t i = 0; i < count; ++i) {
    if (index[i] < 0 || index[i] >= extent) return false;
  }
  return true;
}

template <class Arithmetic, class Params>
static Status resample(const Params& p, void* const* operands, int32_t begin, int32_t end) {
  using Element = typename Arithmetic::Element;
  using Weight = typename Arithmetic::Weight;
  const int32_t* row_index = static_cast<const int32_t*>(operands[1]);
  const int32_t* column_index = static_cast<const int32_t*>(operands[3]);
  const Weight* row_weight = static_cast<const Weight*>(operands[2]);
  const Weight* column_weight = static_cast<const Weight*>(operands[4]);
  if (!indices_inside(column_index, ptrdiff_t{p.width} * p.column_taps, p.in_width)) return kBadValue;
  ResamplePixel<Arithmetic> pixel = {};
  pixel.row_stride = ptrdiff_t{p.in_width} * p.inner;
  pixel.column_stride = p.inner;
  Element* y = static_cast<Element*>(operands[5]) + ptrdiff_t{begin} * p.width * p.inner;
  for (int32_t tile = begin; tile < end; ++tile) {
    const ptrdiff_t row = ptrdiff_t{tile % p.height} * p.row_taps;
    pixel.image = static_cast<const Element*>(operands[0]) + ptrdiff_t{tile / p.height} * p.in_height * pixel.row_stride;
    pixel.row_index = row_index + row;
    pixel.row_weight = row_weight + row;
    if (!indices_inside(pixel.row_index, p.row_taps, p.in_height)) return kBadValue;
    pixel.column_index = column_index;
    pixel.column_weight = column_weight;
    if (resample_narrow_row(pixel, p, y)) {
      y += ptrdiff_t{p.width} * p.inner;
      continue;
    }
    for (int32_t w = 0; w < p.width; ++w, y += p.inner) {
      pixel.column_index = column_index + ptrdiff_t{w} * p.column_taps;
      pixel.column_weight = column_weight + ptrdiff_t{w} * p.column_taps;
      if (p.row_taps == 2 && p.column_taps == 2) {
        resample_few<Arithmetic, 2, 2>(pixel, y, p.inner);
      } else if (p.row_taps == 1 && p.column_taps == 2) {
        resample_few<Arithmetic, 1, 2>(pixel, y, p.inner);
      } else if (p.row_taps == 2 && p.column_taps == 1) {
        resample_few<Arithmetic, 2, 1>(pixel, y, p.inner);
      } else {
        resample_many(pixel, p.row_taps, p.column_taps, y, p.inner);
      }
    }
  }
  return kOk;
}

}  // namespace sinter
