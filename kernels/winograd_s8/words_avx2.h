// Sixteen channels of transformed inputs, as the kernels of AVX2 and wider hold them.
#pragma once

#include "body.h"

namespace sinter {
namespace {

struct Words16 {
  static constexpr int32_t kMr = 8, kWords = 16, kGranule = 16;
  typedef uint16_t Words __attribute__((vector_size(32)));

  static Words widen(const int8_t* x) {
    return reinterpret_cast<Words>(_mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x))));
  }
  static void store(int16_t* to, Words x) { _mm256_store_si256(reinterpret_cast<__m256i*>(to), reinterpret_cast<__m256i>(x)); }
};

}  // namespace
}  // namespace sinter
