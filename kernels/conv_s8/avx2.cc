#include "../requantize_avx2.h"
#include "vector_avx2.h"
#include "widened.h"

namespace sinter {
namespace {

struct Avx2 {
  static constexpr int kMr = kLargeTile;
  static constexpr int64_t kResident = int64_t{1} << 23;

  static void widen16(int16_t* to, const int8_t* x) {
    const __m256i wide = _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x)));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), wide);
  }
  static void fill16(int16_t* to, int16_t value) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm256_set1_epi16(value)); }

  using Range = Int8Range;
  static Range range(const ConvS8Params& p) { return int8_range(p.out_zero, p.out_min, p.out_max); }

  using Scale = Bracket;
  static Scale load_scale(const int32_t* multiplier, const int32_t* shift, const Range& range) {
    return load_bracket(multiplier, shift, range);
  }

  template <int kRows, int kHalves>
  struct Tile {
    __m256i acc[kRows][kHalves];

    explicit Tile(const int32_t* bias) {
      SINTER_UNROLL
      for (int half = 0; half < kHalves; ++half) {
        const __m256i start = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bias + half * 8));
        SINTER_UNROLL
        for (int row = 0; row < kRows; ++row) acc[row][half] = start;
      }
    }

    __attribute__((always_inline)) void multiply(const int16_t* const x[kRows], ptrdiff_t pairs, const int8_t* w, ptrdiff_t k) {
      for (const ptrdiff_t end = k + 2 * pairs; k < end; k += 2, w += 32) {
        __m256i weight[kHalves];
        SINTER_UNROLL
        for (int half = 0; half < kHalves; ++half) {
          weight[half] = _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(w + half * 16)));
        }
        SINTER_UNROLL
        for (int row = 0; row < kRows; ++row) {
          int32_t pair;
          __builtin_memcpy(&pair, x[row] + k, sizeof(pair));
          const __m256i both = _mm256_set1_epi32(pair);
          SINTER_UNROLL
          for (int half = 0; half < kHalves; ++half) {
            acc[row][half] = _mm256_add_epi32(acc[row][half], _mm256_madd_epi16(both, weight[half]));
          }
        }
      }
    }

    void store(const Scale* scales, const int32_t* multiplier, const int32_t* shift, const Range& range, int8_t* y, ptrdiff_t step,
               int32_t columns) const {
      requantize_rows<kRows, kHalves>(acc, scales, multiplier, shift, range, y, step, columns);
    }
  };
};

}  // namespace

extern "C" Status conv_s8_2x32k4__avx2(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  return by_vector::run(params, operands, begin, end);
}

extern "C" Status conv_s8_6x16k2__avx2(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  return conv_widened<Avx2>(params, operands, scratch, begin, end);
}

}  // namespace sinter
