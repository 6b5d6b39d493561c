// What kernels of packing n16k4u share that convolve pixels: the constants of a call, and loads.
#pragma once

#include "../intrinsics_avx512.h"
//
#include "../requantize_avx512.h"
#include "accumulators_avx512.h"

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
__m512i broadcast(const int8_t* x) { return _mm512_xor_si512(broadcast_four(x), _mm512_set1_epi8(-128)); }

}  // namespace
}  // namespace sinter
