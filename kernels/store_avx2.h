#pragma once

#include <immintrin.h>
#include <stdint.h>

namespace sinter {

// Stores the first n of eight floats, all if n >= 8, none if n <= 0. Masked stores are slow on some processors.
static inline void store_first(float* y, __m256 values, int32_t n) {
  if (n >= 8) {
    _mm256_storeu_ps(y, values);
    return;
  }
  alignas(32) float all[8];
  _mm256_store_ps(all, values);
  for (int32_t i = 0; i < n; ++i) y[i] = all[i];
}

}  // namespace sinter
