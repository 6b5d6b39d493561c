// Blocks of accumulators in registers.
#pragma once

#include <stdint.h>

#include "../intrinsics_avx512.h"
#include "../unroll.h"

namespace sinter {
namespace {

// Four bytes in all lanes.
__m512i broadcast_four(const int8_t* x) {
  int32_t four;
  __builtin_memcpy(&four, x, sizeof(four));
  return _mm512_set1_epi32(four);
}

// acc += the products of x, unsigned, with w. The empty statement ties the sum to the register of acc: left alone, GCC copies
// accumulators around, and some to the stack.
void add_products(__m512i& acc, __m512i x, __m512i w) {
  acc = _mm512_dpbusd_epi32(acc, x, w);
  __asm__("" : "+v"(acc));
}

// Moves many accumulators to memory: what follows needs registers for much else, for which GCC would have some accumulators in
// memory in the loop before it already.
template <int kRows, int kColumns>
inline __attribute__((always_inline)) void through_memory(__m512i (&acc)[kRows][kColumns]) {
  if constexpr (kRows * kColumns > 16) {
    __m512i sums[kRows][kColumns];
    SINTER_UNROLL
    for (int i = 0; i < kRows; ++i) {
      SINTER_UNROLL
      for (int n = 0; n < kColumns; ++n) sums[i][n] = acc[i][n];
    }
    __asm__("" : "+m"(sums));
    SINTER_UNROLL
    for (int i = 0; i < kRows; ++i) {
      SINTER_UNROLL
      for (int n = 0; n < kColumns; ++n) acc[i][n] = sums[i][n];
    }
  }
}

}  // namespace
}  // namespace sinter
