#include "../requantize_avx512.h"
#include "certain.h"

namespace sinter {
namespace {

struct Sum {
  const AddS8Params& p;
  CertainSum certain;
  Int8Range512 range;
};

// Sixteen of 64 bytes.
template <int kPart>
__m512i widen(__m512i bytes) {
  return _mm512_cvtepi8_epi32(_mm512_extracti32x4_epi32(bytes, kPart));
}

__m512i rescale_all(__m512i x, int32_t multiplier, int32_t shift) {
  alignas(64) int32_t multipliers[16], shifts[16];
  _mm512_store_si512(multipliers, _mm512_set1_epi32(multiplier));
  _mm512_store_si512(shifts, _mm512_set1_epi32(shift));
  return rescale(load_rescaler512(multipliers, shifts), x);
}

template <int kPart>
__m128i add_exactly(const Sum& sum, __m512i a, __m512i b) {
  const AddS8Params& p = sum.p;
  const __m512i left = _mm512_slli_epi32(_mm512_sub_epi32(widen<kPart>(a), _mm512_set1_epi32(p.a_zero)), kAddLeftShift);
  const __m512i right = _mm512_slli_epi32(_mm512_sub_epi32(widen<kPart>(b), _mm512_set1_epi32(p.b_zero)), kAddLeftShift);
  const __m512i scaled_left = rescale_all(left, p.a_multiplier, p.a_shift);
  const __m512i scaled_right = rescale_all(right, p.b_multiplier, p.b_shift);
  return to_s8(sum.range, rescale_all(_mm512_add_epi32(scaled_left, scaled_right), p.multiplier, p.shift));
}

__attribute__((noinline, cold)) __m512i add_exactly(const Sum& sum, __m512i a, __m512i b) {
  const __m256i low = _mm256_set_m128i(add_exactly<1>(sum, a, b), add_exactly<0>(sum, a, b));
  const __m256i high = _mm256_set_m128i(add_exactly<3>(sum, a, b), add_exactly<2>(sum, a, b));
  return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

// Sixteen sums as integers; `farthest` keeps the greatest distance from an integer.
template <int kPart>
__m512i add_part(const CertainSum& certain, __m512i a, __m512i b, __m512& farthest) {
  const __m512 x = _mm512_cvtepi32_ps(widen<kPart>(a)), y = _mm512_cvtepi32_ps(widen<kPart>(b));
  const __m512 right = _mm512_fmadd_ps(y, _mm512_set1_ps(certain.b_factor), _mm512_set1_ps(certain.constant));
  const __m512 t = _mm512_fmadd_ps(x, _mm512_set1_ps(certain.a_factor), right);
  constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC, kGreatestMagnitude = 0xB;
  farthest = _mm512_range_ps(farthest, _mm512_reduce_ps(t, kNearest), kGreatestMagnitude);
  return _mm512_cvtps_epi32(t);
}

// Four vectors of sums, in order, as int8.
__m512i pack_s8(const Int8Range512& range, __m512i p, __m512i q, __m512i r, __m512i s) {
  const __m512i zero = _mm512_packs_epi32(range.zero, range.zero);
  const __m512i low = _mm512_adds_epi16(_mm512_packs_epi32(p, q), zero), high = _mm512_adds_epi16(_mm512_packs_epi32(r, s), zero);
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  const __m512i bytes = _mm512_permutexvar_epi32(order, _mm512_packs_epi16(low, high));
  return _mm512_min_epi8(_mm512_max_epi8(bytes, range.low_bytes), range.high_bytes);
}

__m512i add(const Sum& sum, __m512i a, __m512i b) {
  __m512 farthest = _mm512_setzero_ps();
  const __m512i p = add_part<0>(sum.certain, a, b, farthest), q = add_part<1>(sum.certain, a, b, farthest);
  const __m512i r = add_part<2>(sum.certain, a, b, farthest), s = add_part<3>(sum.certain, a, b, farthest);
  const __mmask16 doubtful = _mm512_cmp_ps_mask(farthest, _mm512_set1_ps(sum.certain.reach), _CMP_NLT_UQ);
  if (__builtin_expect(doubtful != 0, 0)) return add_exactly(sum, a, b);
  return pack_s8(sum.range, p, q, r, s);
}

}  // namespace

extern "C" Status add_s8__avx512(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  const AddS8Params& p = *static_cast<const AddS8Params*>(params);
  const int8_t* a = static_cast<const int8_t*>(operands[0]);
  const int8_t* b = static_cast<const int8_t*>(operands[1]);
  int8_t* y = static_cast<int8_t*>(operands[2]);
  const Sum sum = {p, certain_sum(p), int8_range512(p.out_zero, p.out_min, p.out_max)};
  for_each_row(p, begin, end, [&](ptrdiff_t a_at, ptrdiff_t b_at, ptrdiff_t y_at, int32_t count) {
    const __m512i a_all = _mm512_set1_epi8(a[a_at]), b_all = _mm512_set1_epi8(b[b_at]);
    for (int32_t at = 0; at < count; at += 64) {
      const __mmask64 inside = count - at >= 64 ? ~uint64_t{0} : (uint64_t{1} << (count - at)) - 1;
      const __m512i left = p.a_stride[7] == 0 ? a_all : _mm512_maskz_loadu_epi8(inside, a + a_at + at);
      const __m512i right = p.b_stride[7] == 0 ? b_all : _mm512_maskz_loadu_epi8(inside, b + b_at + at);
      _mm512_mask_storeu_epi8(y + y_at + at, inside, add(sum, left, right));
    }
  });
  return kOk;
}

}  // namespace sinter
