// The inner loop of float32 products with weights in panels of sixteen columns: weight[panel][k][16].
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "unroll.h"

namespace sinter {
namespace {

constexpr int32_t kNr = 16;

// K of a row: `count` runs of `depth` floats, `step` apart.
struct Runs {
  int32_t count, depth;
  ptrdiff_t step;
};

// acc[row][v] += x[row][k] * w[k][v] over k, for vectors V of floats_<isa>.h; one vector of columns lies `vector_step` behind the
// one before it. The sum runs in kWays interleaved parts, so that the additions of one do not wait for each other.
template <class V, int kRows, int kVectors, int kWays>
inline __attribute__((always_inline)) void multiply_panels(const float* const* rows, const Runs& runs, const float* w,
                                                           ptrdiff_t vector_step, typename V::Type acc[kWays][kRows][kVectors]) {
  constexpr int kSteps = kWays > 2 ? kWays : 2;
  const float* x[kRows];
  SINTER_UNROLL
  for (int row = 0; row < kRows; ++row) x[row] = rows[row];
  ptrdiff_t k = 0;
  for (int32_t run = 0; run < runs.count; ++run, k += runs.step - runs.depth) {
    const ptrdiff_t end = k + runs.depth;
    for (; k + kSteps <= end; k += kSteps) {
      if (kRows > 8) __asm__("" : "+r"(k));  // one index: pointers that each step on would not fit in registers
      SINTER_UNROLL
      for (int step = 0; step < kSteps; ++step) {
        typename V::Type weight[kVectors];
        SINTER_UNROLL
        for (int v = 0; v < kVectors; ++v) weight[v] = V::load(w + v * vector_step + step * kNr);
        SINTER_UNROLL
        for (int row = 0; row < kRows; ++row) {
          const typename V::Type value = V::broadcast(x[row] + k + step);
          SINTER_UNROLL
          for (int v = 0; v < kVectors; ++v) {
            acc[step % kWays][row][v] = V::multiply_add(value, weight[v], acc[step % kWays][row][v]);
          }
        }
      }
      w += kSteps * kNr;
    }
    for (; k < end; ++k, w += kNr) {
      SINTER_UNROLL
      for (int row = 0; row < kRows; ++row) {
        const typename V::Type value = V::broadcast(x[row] + k);
        SINTER_UNROLL
        for (int v = 0; v < kVectors; ++v) acc[0][row][v] = V::multiply_add(value, V::load(w + v * vector_step), acc[0][row][v]);
      }
    }
  }
}

}  // namespace
}  // namespace sinter
