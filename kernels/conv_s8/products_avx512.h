// What the kernels of packing n16k4u share: the constants of a call, and products of four activations with weights.
#pragma once

#include "../intrinsics_avx512.h"
//
#include "../requantize_avx512.h"

namespace sinter {
namespace {

constexpr int32_t kNr = 16, kGroup = 4 * kNr;

// The constants of one call.
struct Layer {
  const int8_t* weights;
  const int32_t *bias, *multiplier, *shift;
  ptrdiff_t panel;  // bytes of one panel's weights
  ptrdiff_t out_channels;
  Int8Range512 range;
};

__m512i load(const void* from) { return _mm512_loadu_si512(from); }
__m256i load_half(const void* from) { return _mm256_loadu_si256(static_cast<const __m256i*>(from)); }

// Four activations as unsigned, in all columns.
__m512i broadcast(const int8_t* x) {
  int32_t four;
  __builtin_memcpy(&four, x, sizeof(four));
  return _mm512_xor_si512(_mm512_set1_epi32(four), _mm512_set1_epi8(-128));
}

// acc += the products of four activations with the weights of as many columns as a vector has. The empty statement ties the sum to
// the register of acc: left alone, GCC copies accumulators around, and some to the stack.
void multiply(__m512i& acc, __m512i four, __m512i weight) {
  acc = _mm512_dpbusd_epi32(acc, four, weight);
  __asm__("" : "+v"(acc));
}
void multiply(__m256i& acc, __m256i four, __m256i weight) {
  acc = _mm256_dpbusd_epi32(acc, four, weight);
  __asm__("" : "+v"(acc));
}

}  // namespace
}  // namespace sinter
