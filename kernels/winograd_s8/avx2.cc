#include "../requantize_avx2.h"
#include "body.h"

namespace sinter {
namespace {

struct Avx2 {
  static constexpr int32_t kMr = 8, kWords = 16, kGranule = 16, kRows = 1;
  typedef intptr_t Lanes __attribute__((vector_size(32)));
  typedef uint16_t Words __attribute__((vector_size(32)));
  typedef uint32_t Sums __attribute__((vector_size(32)));

  static Words widen(const int8_t* x) {
    return reinterpret_cast<Words>(_mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x))));
  }
  static void store(int16_t* to, Words x) { _mm256_store_si256(reinterpret_cast<__m256i*>(to), reinterpret_cast<__m256i>(x)); }
  static Words load(const int16_t* x) { return reinterpret_cast<Words>(_mm256_load_si256(reinterpret_cast<const __m256i*>(x))); }
  static Sums load(const int32_t* x) { return reinterpret_cast<Sums>(_mm256_load_si256(reinterpret_cast<const __m256i*>(x))); }
  static void store(int32_t* to, Sums x) { _mm256_store_si256(reinterpret_cast<__m256i*>(to), reinterpret_cast<__m256i>(x)); }

  static void multiply(const int16_t* v, const int16_t* w, ptrdiff_t position, const int32_t* bias, int32_t pairs, int32_t tiles,
                       bool add, int32_t* half) {
    alignas(32) int32_t products[kMr][kWinogradReach][kWinogradColumns];
    for (int i = 0; i < kWinogradReach; ++i, v += kValuesPosition, w += position) {
      multiply_position(v, w, i == 1 ? bias : nullptr, pairs, tiles, products[0][i]);
    }
    for (int32_t t = 0; t < tiles; ++t, half += kTile) {
      for (int32_t n = 0; n < kWinogradColumns; n += 8) {
        Sums m[kWinogradReach];
        SINTER_UNROLL
        for (int i = 0; i < kWinogradReach; ++i) m[i] = load(products[t][i] + n);
        halve<Avx2>(m, add, half + n);
      }
    }
  }

  static void multiply_position(const int16_t* v, const int16_t* w, const int32_t* bias, int32_t pairs, int32_t tiles, int32_t* m) {
    for (; tiles >= 4; tiles -= 4, v += 4 * kValuesTile, m += 4 * kLine) multiply_tiles<4>(v, w, bias, pairs, m);
    switch (tiles) {
      case 1:
        return multiply_tiles<1>(v, w, bias, pairs, m);
      case 2:
        return multiply_tiles<2>(v, w, bias, pairs, m);
      case 3:
        return multiply_tiles<3>(v, w, bias, pairs, m);
      default:
        return;
    }
  }

  template <int kCount>
  SINTER_INLINE void multiply_tiles(const int16_t* v, const int16_t* w, const int32_t* bias, int32_t pairs, int32_t* m) {
    const auto first = [&](int half) {
      return bias == nullptr ? _mm256_setzero_si256() : _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bias) + half);
    };
    __m256i sums[kCount][2];
    SINTER_UNROLL
    for (int t = 0; t < kCount; ++t) sums[t][0] = first(0), sums[t][1] = first(1);
    for (; pairs > 0; pairs -= kSlice / 2, v += kMr * kValuesTile) {
      for (int32_t k = 0; k < kSlice / 2 && k < pairs; ++k, w += 2 * kWinogradColumns) {
        const __m256i* group = reinterpret_cast<const __m256i*>(w);
        const __m256i low = _mm256_loadu_si256(group), high = _mm256_loadu_si256(group + 1);
        SINTER_UNROLL
        for (int t = 0; t < kCount; ++t) {
          int32_t pair;
          __builtin_memcpy(&pair, v + t * kValuesTile + 2 * k, sizeof(pair));
          const __m256i x = _mm256_set1_epi32(pair);
          sums[t][0] = _mm256_add_epi32(sums[t][0], _mm256_madd_epi16(x, low));
          sums[t][1] = _mm256_add_epi32(sums[t][1], _mm256_madd_epi16(x, high));
        }
      }
    }
    SINTER_UNROLL
    for (int t = 0; t < kCount; ++t, m += kLine) {
      _mm256_store_si256(reinterpret_cast<__m256i*>(m), sums[t][0]);
      _mm256_store_si256(reinterpret_cast<__m256i*>(m) + 1, sums[t][1]);
    }
  }

  struct Output {
    const int32_t *multiplier, *shift;
    const Int8Range range;
    const Bracket bracket[1];

    Output(const int32_t* multipliers, const int32_t* shifts, const ConvS8Params& p)
        : multiplier(multipliers),
          shift(shifts),
          range(int8_range(p.out_zero, p.out_min, p.out_max)),
          bracket{load_bracket<kFraction>(multipliers, shifts, range)} {}

    void store(const Sums (&y)[kWinogradSize], int8_t* to, ptrdiff_t step, int32_t pixels, int32_t columns) const {
      const auto sums = [&](int j) { return reinterpret_cast<__m256i>(y[j]); };
      const Columns all[1] = {{multiplier, shift}};
      const __m256i bytes = requantize32<1, kFraction>(bracket, sums(0), sums(1), sums(2), sums(3), all, range);
      const __m128i low = _mm256_castsi256_si128(bytes), high = _mm256_extracti128_si256(bytes, 1);
      store_s8<1>(to, low, columns);
      if (pixels > 1) store_s8<1>(to + step, _mm_srli_si128(low, 8), columns);
      if (pixels > 2) store_s8<1>(to + 2 * step, high, columns);
      if (pixels > 3) store_s8<1>(to + 3 * step, _mm_srli_si128(high, 8), columns);
    }
  };
};

}  // namespace

extern "C" Status winograd_s8_8x16k2__avx2(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  return winograd<Avx2>(params, operands, scratch, begin, end);
}

}  // namespace sinter
