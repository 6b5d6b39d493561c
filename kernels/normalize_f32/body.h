// The arithmetic of every kernel of the family, vectorised by the compiler for each instruction set.
#pragma once

#include "../math.h"
#include "../vectorize.h"
#include "normalize_f32.h"

namespace sinter {
namespace {

// The sum of f(x) over one group, in lanes where its elements lie side by side.
template <class Term>
float sum_group(const NormalizeF32Params& p, const float* x, Term term) {
  const int32_t length = p.axis_shape[7];
  const ptrdiff_t step = p.axis_stride[7];
  float lanes[kLanes] = {};
  for_each_run(p, [&](ptrdiff_t offset) {
    const float* run = x + offset;
    int32_t i = 0;
    if (step == 1) {
      for (; i + kLanes <= length; i += kLanes) {
        for (int l = 0; l < kLanes; ++l) lanes[l] += term(run[i + l]);
      }
    }
    for (; i < length; ++i) lanes[i % kLanes] += term(run[i * step]);
  });
  return join_lanes(lanes, [](float a, float b) { return a + b; });
}

void normalize_group(const NormalizeF32Params& p, const float* x, float* y, float count) {
  const float mean = p.centre != 0 ? sum_group(p, x, [](float v) { return v; }) / count : 0.0f;
  const float variance = sum_group(p, x, [mean](float v) { return (v - mean) * (v - mean); }) / count;
  const float factor = rsqrt(variance + p.epsilon);
  for_each_run(p, [&](ptrdiff_t offset) {
    const float* from = x + offset;
    float* to = y + offset;
    if (p.axis_stride[7] == 1) {
      SINTER_VECTORIZE
      for (int32_t i = 0; i < p.axis_shape[7]; ++i) to[i] = (from[i] - mean) * factor;
    } else {
      for (ptrdiff_t i = 0; i < p.axis_shape[7]; ++i) to[i * p.axis_stride[7]] = (from[i * p.axis_stride[7]] - mean) * factor;
    }
  });
}

// body(offset of a row of `columns` elements) for every reduced element.
template <class Body>
void for_each_row_of(const NormalizeF32Params& p, Body body) {
  for_each_run(p, [&](ptrdiff_t offset) {
    for (ptrdiff_t i = 0; i < p.axis_shape[7]; ++i) body(offset + i * p.axis_stride[7]);
  });
}

void normalize_columns(const NormalizeF32Params& p, const float* x, float* y, int32_t columns, float count) {
  float mean[kColumns] = {}, factor[kColumns] = {};
  if (p.centre != 0) {
    for_each_row_of(p, [&](ptrdiff_t at) {
      for (int32_t j = 0; j < columns; ++j) mean[j] += x[at + j];
    });
    for (int32_t j = 0; j < columns; ++j) mean[j] /= count;
  }
  for_each_row_of(p, [&](ptrdiff_t at) {
    for (int32_t j = 0; j < columns; ++j) factor[j] += (x[at + j] - mean[j]) * (x[at + j] - mean[j]);
  });
  for (int32_t j = 0; j < columns; ++j) factor[j] = rsqrt(factor[j] / count + p.epsilon);
  for_each_row_of(p, [&](ptrdiff_t at) {
    SINTER_VECTORIZE
    for (int32_t j = 0; j < columns; ++j) y[at + j] = (x[at + j] - mean[j]) * factor[j];
  });
}

Status normalize(const void* params, void* const* operands, int32_t begin, int32_t end) {
  const NormalizeF32Params& p = *static_cast<const NormalizeF32Params*>(params);
  const float* x = static_cast<const float*>(operands[0]);
  float* y = static_cast<float*>(operands[1]);
  const float count = static_cast<float>(index_count(p.axis_shape));
  const int32_t blocks = in_columns(p) ? div_up(p.shape[7], kColumns) : 1;
  for (int32_t tile = begin; tile < end; ++tile) {
    if (in_columns(p)) {
      const int32_t column = tile % blocks * kColumns, left = p.shape[7] - column;
      const ptrdiff_t at = strided_offset(p.shape, p.stride, tile / blocks * p.shape[7] + column);
      normalize_columns(p, x + at, y + at, left < kColumns ? left : kColumns, count);
    } else {
      const ptrdiff_t at = strided_offset(p.shape, p.stride, tile);
      normalize_group(p, x + at, y + at, count);
    }
  }
  return kOk;
}

}  // namespace
}  // namespace sinter
