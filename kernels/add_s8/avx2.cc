#include "../broadcast_s8_avx2.h"
#include "certain.h"

namespace sinter {
namespace {

struct Sum {
  const AddS8Params& p;
  CertainSum certain;
  Int8Range range;
};

// Eight sums with 16 fractional bits, of bytes a and b each at the head of a word.
__m256i add_words(const CertainSum& certain, __m256i words) {
  const __m256i high = _mm256_madd_epi16(words, _mm256_set1_epi32(certain.high));
  const __m256i low = _mm256_madd_epi16(_mm256_srai_epi16(words, 8), _mm256_set1_epi32(certain.low));
  const __m256i all = _mm256_add_epi32(_mm256_add_epi32(high, low), _mm256_set1_epi32(certain.constant));
  return _mm256_srav_epi32(all, _mm256_set1_epi32(certain.shift));
}

// Elements 4i to 4i + 3 of each half are in vector i.
__attribute__((noinline, cold)) __m256i add_settled(const Sum& sum, const int8_t* a, const int8_t* b, __m256i p, __m256i q,
                                                    __m256i r, __m256i s) {
  const Words256 w = {p, q, r, s};
  alignas(32) int8_t y[32];
  _mm256_store_si256(reinterpret_cast<__m256i*>(y), pack_halves(sum.range, w));
  settle_doubtful(w, sum.certain.window, [&](int i, int lane) {
    const int at = lane / 4 * 16 + i * 4 + lane % 4;
    y[at] = add(sum.p, a[at], b[at]);
  });
  return _mm256_load_si256(reinterpret_cast<const __m256i*>(y));
}

__m256i add(const Sum& sum, const int8_t* a, const int8_t* b) {
  const __m256i x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(a));
  const __m256i y = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b));
  const __m256i low = _mm256_unpacklo_epi8(x, y), high = _mm256_unpackhi_epi8(x, y), zero = _mm256_setzero_si256();
  const Words256 w = {
      add_words(sum.certain, _mm256_unpacklo_epi8(zero, low)), add_words(sum.certain, _mm256_unpackhi_epi8(zero, low)),
      add_words(sum.certain, _mm256_unpacklo_epi8(zero, high)), add_words(sum.certain, _mm256_unpackhi_epi8(zero, high))};
  return any_doubtful(w, sum.certain.window) ? add_settled(sum, a, b, w.p, w.q, w.r, w.s) : pack_halves(sum.range, w);
}

}  // namespace

extern "C" Status add_s8__avx2(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  const AddS8Params& p = *static_cast<const AddS8Params*>(params);
  const int8_t* a = static_cast<const int8_t*>(operands[0]);
  const int8_t* b = static_cast<const int8_t*>(operands[1]);
  int8_t* y = static_cast<int8_t*>(operands[2]);
  const Sum sum = {p, certain_sum(p), int8_range(p.out_zero, p.out_min, p.out_max)};
  for_each_row(p, begin, end, [&](ptrdiff_t a_at, ptrdiff_t b_at, ptrdiff_t y_at, int32_t count) {
    broadcast_row(a + a_at, p.a_stride[7], b + b_at, p.b_stride[7], y + y_at, count,
                  [&](const int8_t* u, const int8_t* v) { return add(sum, u, v); });
  });
  return kOk;
}

}  // namespace sinter
