#include "../requantize_avx512.h"
#include "words_avx2.h"

namespace sinter {
namespace {

struct Avx512 : Words16 {
  typedef uint32_t Sums __attribute__((vector_size(64)));

  static Sums load(const int32_t* x) { return reinterpret_cast<Sums>(_mm512_loadu_si512(x)); }

  static void multiply(const int16_t* v, const int16_t* w, int32_t pairs, int32_t rows, bool add, int32_t* m) {
    multiply_up_to<kMr>(v, w, pairs, rows, add, m);
  }

  template <int kRows>
  SINTER_INLINE void multiply_up_to(const int16_t* v, const int16_t* w, int32_t pairs, int32_t rows, bool add, int32_t* m) {
    if (rows == kRows) return multiply_rows<kRows>(v, w, pairs, add, m);
    if constexpr (kRows > 1) multiply_up_to<kRows - 1>(v, w, pairs, rows, add, m);
  }

  template <int kRows>
  SINTER_INLINE void multiply_rows(const int16_t* v, const int16_t* w, int32_t pairs, bool add, int32_t* m) {
    __m512i sums[kRows];
    SINTER_UNROLL
    for (int row = 0; row < kRows; ++row) sums[row] = add ? _mm512_load_si512(m + row * kTile) : _mm512_setzero_si512();
    for (; pairs > 0; pairs -= kGroup / 2, v += kMr * kTile) {
      for (int32_t k = 0; k < kGroup / 2 && k < pairs; ++k, w += 2 * kWinogradColumns) {
        const __m512i weights = _mm512_loadu_si512(w);
        SINTER_UNROLL
        for (int row = 0; row < kRows; ++row) {
          int32_t pair;
          __builtin_memcpy(&pair, v + row * kTile + 2 * k, sizeof(pair));
          sums[row] = _mm512_dpwssd_epi32(sums[row], weights, _mm512_set1_epi32(pair));
        }
      }
    }
    SINTER_UNROLL
    for (int row = 0; row < kRows; ++row) _mm512_store_si512(m + row * kTile, sums[row]);
  }

  struct Output {
    const int32_t *multiplier, *shift;
    const Int8Range512 range;
    const Bracket512 bracket[1];

    Output(const int32_t* multipliers, const int32_t* shifts, const ConvS8Params& p)
        : multiplier(multipliers),
          shift(shifts),
          range(int8_range512(p.out_zero, p.out_min, p.out_max)),
          bracket{load_bracket512(multipliers, shifts, range)} {}

    void store(const Sums (&y)[kWinogradSize], int8_t* to, ptrdiff_t step, int32_t pixels, int32_t columns) const {
      const auto shifted = [&](int j) { return _mm512_srai_epi32(reinterpret_cast<__m512i>(y[j]), 6); };
      const __m512i bytes = requantize64<1>(bracket, shifted(0), shifted(1), shifted(2), shifted(3), multiplier, shift, range);
      const __mmask16 kept = static_cast<__mmask16>(columns >= 16 ? 0xffff : (1 << columns) - 1);
      SINTER_UNROLL
      for (int j = 0; j < kWinogradSize; ++j) {
        if (j < pixels) _mm_mask_storeu_epi8(to + j * step, kept, _mm512_castsi512_si128(align_row(bytes, j)));
      }
    }
  };
};

}  // namespace

extern "C" Status winograd_s8_8x16k2__avx512(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  return winograd<Avx512>(params, operands, scratch, begin, end);
}

}  // namespace sinter
