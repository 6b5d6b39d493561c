#include "../requantize_avx2.h"
#include "body.h"

namespace sinter {
namespace {

__m256i widen(const int8_t* x) { return _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(x))); }

// The sums of kColumns neighbours, each from `first` on.
void sum_columns(const SumS8Params& p, const int8_t* x, int32_t first, __m256i (&sums)[4]) {
  __m256i a = _mm256_set1_epi32(first), b = a, c = a, d = a;
  const int32_t length = p.axis_shape[7];
  const ptrdiff_t step = p.axis_stride[7];
  for_each_run(p, [&](ptrdiff_t offset) {
    const int8_t* row = x + offset;
    for (int32_t i = 0; i < length; ++i, row += step) {
      a = _mm256_add_epi32(a, widen(row));
      b = _mm256_add_epi32(b, widen(row + 8));
      c = _mm256_add_epi32(c, widen(row + 16));
      d = _mm256_add_epi32(d, widen(row + 24));
    }
  });
  sums[0] = a;
  sums[1] = b;
  sums[2] = c;
  sums[3] = d;
}

}  // namespace

extern "C" Status sum_s8__avx2(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  static_assert(kColumns == 32, "requantize32() takes them at once");
  const SumS8Params& p = *static_cast<const SumS8Params*>(params);
  if (!in_columns(p)) return sum_bytes(params, operands, begin, end);
  const int8_t* x = static_cast<const int8_t*>(operands[0]);
  int8_t* y = static_cast<int8_t*>(operands[1]);
  const uint32_t offset = static_cast<uint32_t>(index_count(p.axis_shape)) * static_cast<uint32_t>(p.in_zero);
  int32_t multiplier[8], shift[8];
  for (int i = 0; i < 8; ++i) {
    multiplier[i] = p.multiplier;
    shift[i] = p.shift;
  }
  const Columns columns[1] = {{multiplier, shift}};
  const Int8Range range = int8_range(p.out_zero, -128, 127);
  const Bracket bracket[1] = {load_bracket(multiplier, shift, range)};
  const int32_t blocks = div_up(p.shape[7], kColumns);
  for (int32_t tile = begin; tile < end; ++tile) {
    const int32_t column = tile % blocks * kColumns, output = tile / blocks * p.shape[7] + column;
    if (p.shape[7] - column < kColumns) {
      sum_bytes(params, operands, tile, tile + 1);
      continue;
    }
    __m256i sums[4];
    sum_columns(p, x + strided_offset(p.shape, p.stride, output), static_cast<int32_t>(0 - offset), sums);
    const __m256i bytes = requantize32<1>(bracket, sums[0], sums[1], sums[2], sums[3], columns, range);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(y + output), bytes);
  }
  return kOk;
}

}  // namespace sinter
