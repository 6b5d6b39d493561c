#include <immintrin.h>

#include "../pool_s8.h"
#include "pool_avg_s8.h"

namespace sinter {
namespace {

// More taps than this make sums that float does not divide exactly.
constexpr int32_t kExactTaps = 1 << 16;

// Eight sums divided by count as average_s8 does, unclamped.
__m256i divide(__m256i sum, int32_t count) {
  const __m256i half = _mm256_sign_epi32(_mm256_set1_epi32(count / 2), sum);
  const __m256 quotient = _mm256_div_ps(_mm256_cvtepi32_ps(_mm256_add_epi32(sum, half)), _mm256_set1_ps(static_cast<float>(count)));
  return _mm256_cvttps_epi32(quotient);
}

void average16(const PoolAvgS8Params& p, const Window<int8_t>& window, int32_t c, int8_t* y) {
  __m256i low = _mm256_setzero_si256(), high = low;
  visit_window(window, [&](const int8_t* x) {
    low = _mm256_add_epi32(low, _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(x + c))));
    high = _mm256_add_epi32(high, _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(x + c + 8))));
  });
  if (window.count > kExactTaps) {
    alignas(32) int32_t sum[16];
    _mm256_store_si256(reinterpret_cast<__m256i*>(sum), low);
    _mm256_store_si256(reinterpret_cast<__m256i*>(sum + 8), high);
    for (int i = 0; i < 16; ++i) y[c + i] = average_s8(p, sum[i], window.count);
    return;
  }
  const int32_t count = window.count == 0 ? 1 : window.count;
  const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(divide(low, count), divide(high, count)), 0xD8);
  __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
  bytes = _mm_max_epi8(bytes, _mm_set1_epi8(static_cast<char>(p.out_min)));
  bytes = _mm_min_epi8(bytes, _mm_set1_epi8(static_cast<char>(p.out_max)));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(y + c), bytes);
}

}  // namespace

extern "C" Status pool_avg_s8_1x16__avx2(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  return pool_s8<PoolAvgS8Params, 16, 16>(params, operands, begin, end, average16, average16, average_one);
}

}  // namespace sinter
