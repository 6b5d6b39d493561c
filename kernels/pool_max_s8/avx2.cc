#include <immintrin.h>

#include "../pool_s8.h"
#include "pool_max_s8.h"

namespace sinter {
namespace {

void max32(const PoolMaxS8Params& p, const Window<int8_t>& window, int32_t c, int8_t* y) {
  __m256i best = _mm256_set1_epi8(-128);
  visit_window(window,
               [&](const int8_t* x) { best = _mm256_max_epi8(best, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + c))); });
  best = _mm256_max_epi8(best, _mm256_set1_epi8(static_cast<char>(p.out_min)));
  best = _mm256_min_epi8(best, _mm256_set1_epi8(static_cast<char>(p.out_max)));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(y + c), best);
}

void max8(const PoolMaxS8Params& p, const Window<int8_t>& window, int32_t c, int8_t* y) {
  __m128i best = _mm_set1_epi8(-128);
  visit_window(window,
               [&](const int8_t* x) { best = _mm_max_epi8(best, _mm_loadl_epi64(reinterpret_cast<const __m128i*>(x + c))); });
  best = _mm_max_epi8(best, _mm_set1_epi8(static_cast<char>(p.out_min)));
  best = _mm_min_epi8(best, _mm_set1_epi8(static_cast<char>(p.out_max)));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(y + c), best);
}

}  // namespace

extern "C" Status pool_max_s8_1x32__avx2(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  return pool_s8<PoolMaxS8Params, 32, 8>(params, operands, begin, end, max32, max8, max_one);
}

}  // namespace sinter
