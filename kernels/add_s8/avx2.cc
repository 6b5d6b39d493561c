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

__m256i add(const Sum& sum, const int8_t* a, const int8_t* b) {
  const __m256 a_factor = _mm256_set1_ps(sum.certain.a_factor), b_factor = _mm256_set1_ps(sum.certain.b_factor);
  const __m256 constant = _mm256_set1_ps(sum.certain.constant), sign = _mm256_set1_ps(-0.0f);
  __m256 farthest = _mm256_setzero_ps();
  __m256i nearest[4];
  SINTER_UNROLL
  for (int i = 0; i < 4; ++i) {
    const __m256 x = _mm256_cvtepi32_ps(widen(a + 8 * i)), y = _mm256_cvtepi32_ps(widen(b + 8 * i));
    const __m256 t = _mm256_fmadd_ps(x, a_factor, _mm256_fmadd_ps(y, b_factor, constant));
    nearest[i] = _mm256_cvtps_epi32(t);
    farthest = _mm256_max_ps(farthest, _mm256_andnot_ps(sign, _mm256_sub_ps(t, _mm256_cvtepi32_ps(nearest[i]))));
  }
  const __m256 doubtful = _mm256_cmp_ps(farthest, _mm256_set1_ps(sum.certain.reach), _CMP_NLT_UQ);
  if (__builtin_expect(_mm256_movemask_ps(doubtful) != 0, 0)) return add_exactly(sum, a, b);
  return pack_s8(sum.range, nearest);
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
