#include <immintrin.h>

#include "../unroll.h"
#include "lookup_x8.h"

namespace sinter {

// Sixteen entries at a time: their indices, moved to 0x70 to 0x7f, select within a register, and all others, from 0x80, give 0.
extern "C" Status lookup_x8__avx2(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  const LookupX8Params& p = *static_cast<const LookupX8Params*>(params);
  const uint8_t* x = static_cast<const uint8_t*>(operands[0]);
  const uint8_t* table = static_cast<const uint8_t*>(operands[1]);
  uint8_t* y = static_cast<uint8_t*>(operands[2]);
  const Elements range = elements(p.count, begin, end);
  const __m256i sixteen = _mm256_set1_epi8(16), moved = _mm256_set1_epi8(0x70);
  int32_t i = range.begin;
  for (; i + 32 <= range.end; i += 32) {
    __m256i index = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + i));
    __m256i result = _mm256_setzero_si256();
    SINTER_UNROLL
    for (int row = 0; row < 16; ++row) {
      const __m256i entries = _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table + row * 16)));
      result = _mm256_or_si256(result, _mm256_shuffle_epi8(entries, _mm256_adds_epu8(index, moved)));
      index = _mm256_sub_epi8(index, sixteen);
    }
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(y + i), result);
  }
  for (; i < range.end; ++i) y[i] = table[x[i]];
  return kOk;
}

}  // namespace sinter
