#include "../broadcast_s8_avx2.h"
#include "certain.h"

namespace sinter {
namespace {

struct Sum {
  const AddS8Params& p;
  CertainSum certain;
  Int8Range range;
};

__attribute__((noinline, cold)) __m256i add_exactly(const Sum& sum, const int8_t* a, const int8_t* b) {
  const AddS8Params& p = sum.p;
  const Rescaler left = repeat_rescaler(p.a_multiplier, p.a_shift), right = repeat_rescaler(p.b_multiplier, p.b_shift);
  const Rescaler last = repeat_rescaler(p.multiplier, p.shift);
  const __m256i a_zero = _mm256_set1_epi32(p.a_zero), b_zero = _mm256_set1_epi32(p.b_zero);
  return combine_widened(a, a_zero, b, b_zero, sum.range, [&](__m256i u, __m256i v) {
    u = rescale(left, _mm256_slli_epi32(u, kAddLeftShift));
    v = rescale(right, _mm256_slli_epi32(v, kAddLeftShift));
    return rescale(last, _mm256_add_epi32(u, v));
  });
}

// Eight sums with 16 fractional bits, of bytes a and b each at the head of a word.
__m256i add_words(const CertainSum& certain, __m256i words) {
  const __m256i high = _mm256_madd_epi16(words, _mm256_set1_epi32(certain.high));
  const __m256i low = _mm256_madd_epi16(_mm256_srai_epi16(words, 8), _mm256_set1_epi32(certain.low));
  const __m256i all = _mm256_add_epi32(_mm256_add_epi32(high, low), _mm256_set1_epi32(certain.constant));
  return _mm256_sra_epi32(all, _mm_cvtsi32_si128(certain.shift));
}

__m256i add(const Sum& sum, const int8_t* a, const int8_t* b) {
  const __m256i x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(a));
  const __m256i y = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b));
  const __m256i low = _mm256_unpacklo_epi8(x, y), high = _mm256_unpackhi_epi8(x, y), zero = _mm256_setzero_si256();
  const __m256i p = add_words(sum.certain, _mm256_unpacklo_epi8(zero, low)),
                q = add_words(sum.certain, _mm256_unpackhi_epi8(zero, low));
  const __m256i r = add_words(sum.certain, _mm256_unpacklo_epi8(zero, high)),
                s = add_words(sum.certain, _mm256_unpackhi_epi8(zero, high));
  if (in_doubt(p, q, r, s, _mm256_set1_epi16(static_cast<int16_t>(sum.certain.window - 1)))) return add_exactly(sum, a, b);
  return clamp_s8(sum.range, pack_lanes(p, q, r, s));
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
