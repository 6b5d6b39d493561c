// The arithmetic of every kernel of the family, vectorised by the compiler for each instruction set.
#pragma once

#include "../lanes.h"
#include "../math.h"
#include "../vectorize.h"
#include "softmax_f32.h"

namespace sinter {
namespace {

inline float larger(float a, float b) { return select(a > b, a, b); }

void row(const SoftmaxF32Params& p, const float* x, float* y) {
  const float beta = p.beta;
  const float top = fold_lanes(x, p.depth, -infinity(), larger, larger);
  SINTER_VECTORIZE
  for (int32_t i = 0; i < p.depth; ++i) y[i] = beta * (x[i] - top);
  const auto sum_up = [](float sum, float v) { return sum + v; };
  if (p.log != 0) {
    const float shift = log(fold_lanes(y, p.depth, 0.0f, [](float sum, float v) { return sum + exp(v); }, sum_up));
    SINTER_VECTORIZE
    for (int32_t i = 0; i < p.depth; ++i) y[i] -= shift;
  } else {
    SINTER_VECTORIZE
    for (int32_t i = 0; i < p.depth; ++i) y[i] = exp(y[i]);
    const float sum = fold_lanes(y, p.depth, 0.0f, sum_up, sum_up);
    SINTER_VECTORIZE
    for (int32_t i = 0; i < p.depth; ++i) y[i] = y[i] / sum;
  }
}

void columns(const SoftmaxF32Params& p, const float* x, float* y, int32_t count) {
  float top[kSoftmaxColumns], sum[kSoftmaxColumns];
  for (int32_t j = 0; j < count; ++j) top[j] = -infinity(), sum[j] = 0.0f;
  for (ptrdiff_t i = 0; i < p.depth; ++i) {
    for (int32_t j = 0; j < count; ++j) top[j] = larger(x[i * p.inner + j], top[j]);
  }
  for (ptrdiff_t i = 0; i < p.depth; ++i) {
    SINTER_VECTORIZE
    for (int32_t j = 0; j < count; ++j) {
      const float shifted = p.beta * (x[i * p.inner + j] - top[j]), e = exp(shifted);
      sum[j] += e;
      y[i * p.inner + j] = p.log != 0 ? shifted : e;
    }
  }
  if (p.log != 0) {
    for (int32_t j = 0; j < count; ++j) sum[j] = log(sum[j]);
  }
  for (ptrdiff_t i = 0; i < p.depth; ++i) {
    SINTER_VECTORIZE
    for (int32_t j = 0; j < count; ++j) {
      const float value = y[i * p.inner + j];
      y[i * p.inner + j] = p.log != 0 ? value - sum[j] : value / sum[j];
    }
  }
}

Status softmax(const void* params, void* const* operands, int32_t begin, int32_t end) {
  const SoftmaxF32Params& p = *static_cast<const SoftmaxF32Params*>(params);
  const float* x = static_cast<const float*>(operands[0]);
  float* y = static_cast<float*>(operands[1]);
  const int32_t blocks = div_up(p.inner, kSoftmaxColumns);
  for (int32_t tile = begin; tile < end; ++tile) {
    const int32_t first = tile % blocks * kSoftmaxColumns, left = p.inner - first;
    const ptrdiff_t start = ptrdiff_t{tile / blocks} * p.depth * p.inner + first;
    if (p.inner == 1) {
      row(p, x + start, y + start);
    } else {
      columns(p, x + start, y + start, left < kSoftmaxColumns ? left : kSoftmaxColumns);
    }
  }
  return kOk;
}

}  // namespace
}  // namespace sinter
