#include "../requantize_avx2.h"
#include "words_avx2.h"

namespace sinter {
namespace {

struct Avx2 : Words16 {
  typedef uint32_t Sums __attribute__((vector_size(32)));

  static Sums load(const int32_t* x) { return reinterpret_cast<Sums>(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x))); }

  static void multiply(const int16_t* v, const int16_t* w, int32_t pairs, int32_t rows, bool add, int32_t* m) {
    for (; rows >= 4; rows -= 4, v += 4 * kTile, m += 4 * kTile) multiply_rows<4>(v, w, pairs, add, m);
    switch (rows) {
      case 1:
        return multiply_rows<1>(v, w, pairs, add, m);
      case 2:
        return multiply_rows<2>(v, w, pairs, add, m);
      case 3:
        return multiply_rows<3>(v, w, pairs, add, m);
      default:
        return;
    }
  }

  template <int kRows>
  SINTER_INLINE void multiply_rows(const int16_t* v, const int16_t* w, int32_t pairs, bool add, int32_t* m) {
    __m256i sums[kRows][2];
    SINTER_UNROLL
    for (int i = 0; i < 2 * kRows; ++i) {
      const __m256i* at = reinterpret_cast<const __m256i*>(m + i / 2 * kTile) + i % 2;
      sums[i / 2][i % 2] = add ? _mm256_load_si256(at) : _mm256_setzero_si256();
    }
    for (; pairs > 0; pairs -= kGroup / 2, v += kMr * kTile) {
      for (int32_t k = 0; k < kGroup / 2 && k < pairs; ++k, w += 2 * kWinogradColumns) {
        const __m256i* group = reinterpret_cast<const __m256i*>(w);
        const __m256i low = _mm256_loadu_si256(group), high = _mm256_loadu_si256(group + 1);
        SINTER_UNROLL
        for (int row = 0; row < kRows; ++row) {
          int32_t pair;
          __builtin_memcpy(&pair, v + row * kTile + 2 * k, sizeof(pair));
          const __m256i x = _mm256_set1_epi32(pair);
          sums[row][0] = _mm256_add_epi32(sums[row][0], _mm256_madd_epi16(x, low));
          sums[row][1] = _mm256_add_epi32(sums[row][1], _mm256_madd_epi16(x, high));
        }
      }
    }
    SINTER_UNROLL
    for (int i = 0; i < 2 * kRows; ++i)
      _mm256_store_si256(reinterpret_cast<__m256i*>(m + i / 2 * kTile) + i % 2, sums[i / 2][i % 2]);
  }

  struct Output {
    const Columns columns[1];
    const Int8Range range;
    const Bracket bracket[1];

    Output(const int32_t* multiplier, const int32_t* shift, const ConvS8Params& p)
        : columns{{multiplier, shift}},
          range(int8_range(p.out_zero, p.out_min, p.out_max)),
          bracket{load_bracket(multiplier, shift, range)} {}

    void store(const Sums (&y)[kWinogradSize], int8_t* to, ptrdiff_t step, int32_t pixels, int32_t valid) const {
      const auto shifted = [&](int j) { return _mm256_srai_epi32(reinterpret_cast<__m256i>(y[j]), 6); };
      const __m256i bytes = requantize32<1>(bracket, shifted(0), shifted(1), shifted(2), shifted(3), columns, range);
      const __m128i low = _mm256_castsi256_si128(bytes), high = _mm256_extracti128_si256(bytes, 1);
      store_s8<1>(to, low, valid);
      if (pixels > 1) store_s8<1>(to + step, _mm_srli_si128(low, 8), valid);
      if (pixels > 2) store_s8<1>(to + 2 * step, high, valid);
      if (pixels > 3) store_s8<1>(to + 3 * step, _mm_srli_si128(high, 8), valid);
    }
  };
};

}  // namespace

extern "C" Status winograd_s8_8x16k2__avx2(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  return winograd<Avx2>(params, operands, scratch, begin, end);
}

}  // namespace sinter
