#include "../requantize_avx512.h"
#include "body.h"

namespace sinter {
namespace {

struct Avx512 {
  static constexpr int32_t kMr = 8, kWords = 16, kGranule = 16, kRows = 4;
  typedef intptr_t Lanes __attribute__((vector_size(64)));
  typedef uint16_t Words __attribute__((vector_size(32)));
  typedef uint32_t Sums __attribute__((vector_size(64)));
  typedef int32_t Pair __attribute__((may_alias));

  static Words widen(const int8_t* x) {
    return reinterpret_cast<Words>(_mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x))));
  }
  static void store(int16_t* to, Words x) { _mm256_store_si256(reinterpret_cast<__m256i*>(to), reinterpret_cast<__m256i>(x)); }
  static Words load(const int16_t* x) { return reinterpret_cast<Words>(_mm256_load_si256(reinterpret_cast<const __m256i*>(x))); }
  static Sums load(const int32_t* x) { return reinterpret_cast<Sums>(_mm512_loadu_si512(x)); }
  static void store(int32_t* to, Sums x) { _mm512_store_si512(to, reinterpret_cast<__m512i>(x)); }

  static void multiply(const int16_t* v, const int16_t* w, ptrdiff_t position, const int32_t* bias, int32_t pairs, int32_t tiles,
                       bool add, int32_t* half) {
    for (; tiles >= 4; tiles -= 4, v += 4 * kValuesTile, half += 4 * kTile) {
      multiply_tiles<4>(v, w, position, bias, pairs, add, half);
    }
    switch (tiles) {
      case 1:
        return multiply_tiles<1>(v, w, position, bias, pairs, add, half);
      case 2:
        return multiply_tiles<2>(v, w, position, bias, pairs, add, half);
      case 3:
        return multiply_tiles<3>(v, w, position, bias, pairs, add, half);
      default:
        return;
    }
  }

  // sums += the products of a pair of channels with the weights of sixteen columns. From the intrinsics GCC makes two instructions
  // of it, and copies accumulators around.
  SINTER_INLINE void multiply_pair(__m512i& sums, __m512i weights, const int16_t* v) {
    __asm__("vpdpwssd %2%{1to16%}, %1, %0" : "+v"(sums) : "v"(weights), "m"(*reinterpret_cast<const Pair*>(v)));
  }

  template <int kCount>
  __attribute__((noinline)) static void multiply_tiles(const int16_t* v, const int16_t* w, ptrdiff_t position, const int32_t* bias,
                                                       int32_t pairs, bool add, int32_t* half) {
    const __m512i first = bias != nullptr ? _mm512_loadu_si512(bias) : _mm512_setzero_si512();
    __m512i sums[kCount][kWinogradReach];
    SINTER_UNROLL
    for (int t = 0; t < kCount; ++t) {
      SINTER_UNROLL
      for (int i = 0; i < kWinogradReach; ++i) sums[t][i] = i == 1 ? first : _mm512_setzero_si512();
    }
    for (; pairs > 0; pairs -= kSlice / 2, v += kMr * kValuesTile - kSlice) {
      const int16_t* const end = w + (pairs < kSlice / 2 ? pairs : kSlice / 2) * 2 * kWinogradColumns;
      for (; w != end; v += 2, w += 2 * kWinogradColumns) {
        __m512i weights[kWinogradReach];
        SINTER_UNROLL
        for (int i = 0; i < kWinogradReach; ++i) weights[i] = _mm512_loadu_si512(w + i * position);
        SINTER_UNROLL
        for (int t = 0; t < kCount; ++t) {
          SINTER_UNROLL
          for (int i = 0; i < kWinogradReach; ++i) {
            multiply_pair(sums[t][i], weights[i], v + t * kValuesTile + i * kValuesPosition);
          }
        }
      }
    }
    SINTER_UNROLL
    for (int t = 0; t < kCount; ++t) {
      Sums m[kWinogradReach];
      SINTER_UNROLL
      for (int i = 0; i < kWinogradReach; ++i) {
        m[i] = reinterpret_cast<Sums>(sums[t][i]);
        __asm__ volatile("" : "+v"(m[i]));  // a tile is halved while the sums of those behind are on their way
      }
      halve<Avx512>(m, add, half + t * kTile);
    }
  }

  struct Output {
    const int32_t *multiplier, *shift;
    const Int8Range512 range;
    const Bracket512 bracket[1];

    Output(const int32_t* multipliers, const int32_t* shifts, const ConvS8Params& p)
        : multiplier(multipliers),
          shift(shifts),
          range(int8_range512(p.out_zero, p.out_min, p.out_max)),
          bracket{load_bracket512<kFraction>(multipliers, shifts, range)} {}

    void store(const Sums (&y)[kWinogradSize], int8_t* to, ptrdiff_t step, int32_t pixels, int32_t columns) const {
      const auto sums = [&](int j) { return reinterpret_cast<__m512i>(y[j]); };
      const __m512i bytes = requantize64<1, kFraction>(bracket, sums(0), sums(1), sums(2), sums(3), multiplier, shift, range);
      if (pixels == kWinogradSize && step == kWinogradColumns) {
        _mm512_storeu_si512(to, bytes);
        return;
      }
      const __mmask16 kept = static_cast<__mmask16>(columns >= 16 ? 0xffff : (1 << columns) - 1);
      SINTER_UNROLL
      for (int j = 0; j < kWinogradSize; ++j) {
        if (j >= pixels) return;
        const __m128i pixel = _mm512_castsi512_si128(align_row(bytes, j));
        if (columns >= kWinogradColumns) {
          _mm_storeu_si128(reinterpret_cast<__m128i*>(to + j * step), pixel);
        } else {
          _mm_mask_storeu_epi8(to + j * step, kept, pixel);
        }
      }
    }
  };
};

}  // namespace

extern "C" Status winograd_s8_8x16k2__avx512(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  return winograd<Avx512>(params, operands, scratch, begin, end);
}

}  // namespace sinter
