// Products of four activations with weights, in blocks of accumulators in registers.
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
void add_products(__m256i& acc, __m256i x, __m256i w) {
  acc = _mm256_dpbusd_epi32(acc, x, w);
  __asm__("" : "+v"(acc));
}

// Ends the life of a loop's accumulators, which go on as others: GCC copies those that are read after a loop inside it, or keeps
// them in memory for the sake of what follows.
template <int kRows, int kColumns>
inline __attribute__((always_inline)) void detach(__m512i (&acc)[kRows][kColumns]) {
  SINTER_UNROLL
  for (int i = 0; i < kRows; ++i) {
    SINTER_UNROLL
    for (int n = 0; n < kColumns; ++n) __asm__("" : "+v"(acc[i][n]));
  }
}

template <int kRows, int kColumns>
inline __attribute__((always_inline)) void store_sums(const __m512i (&acc)[kRows][kColumns], __m512i* to) {
  SINTER_UNROLL
  for (int i = 0; i < kRows; ++i) {
    SINTER_UNROLL
    for (int n = 0; n < kColumns; ++n) to[i * kColumns + n] = acc[i][n];
  }
}

}  // namespace
}  // namespace sinter
