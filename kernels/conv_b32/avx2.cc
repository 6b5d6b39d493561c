#include <immintrin.h>

#include "../store_avx2.h"
#include "../unroll.h"
#include "located.h"

namespace sinter {
namespace {

// Four values of a block, in every lane.
inline __m256i four_values(const int8_t* values) {
  int32_t bits;
  __builtin_memcpy(&bits, values, sizeof(bits));
  return _mm256_set1_epi32(bits);
}

// Compilers would add in another order, with more sums at once than there are registers.
inline void in_this_order(__m256i& sum) { asm("" : "+x"(sum)); }

inline __m256i load(const uint8_t* w) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(w)); }

// Products of unsigned 4-bit weights: sixteen of them fit int16, so that a block is widened once.
template <int kRows>
struct Dots4 {
  __m256i sum[kRows][2];

  void add(const Block32* const* x, ptrdiff_t b, const uint8_t* w) {
    const __m256i low = _mm256_set1_epi8(15);
    SINTER_UNROLL
    for (int j = 0; j < 4; ++j) {
      SINTER_UNROLL
      for (int part = 0; part < 2; ++part) {
        __m256i weights[2];
        SINTER_UNROLL
        for (int half = 0; half < 2; ++half) {
          const __m256i packed = load(w + j * 64 + half * 32);
          weights[half] = _mm256_and_si256(part == 0 ? packed : _mm256_srli_epi16(packed, 4), low);
        }
        SINTER_UNROLL
        for (int row = 0; row < kRows; ++row) {
          const __m256i values = four_values(x[row][b].values + part * 16 + j * 4);
          SINTER_UNROLL
          for (int half = 0; half < 2; ++half) {
            const __m256i products = _mm256_maddubs_epi16(weights[half], values);
            sum[row][half] = j == 0 && part == 0 ? products : _mm256_add_epi16(sum[row][half], products);
            in_this_order(sum[row][half]);
          }
        }
      }
    }
    SINTER_UNROLL
    for (int row = 0; row < kRows; ++row) {
      SINTER_UNROLL
      for (int half = 0; half < 2; ++half) {
        const __m256i widened = _mm256_madd_epi16(sum[row][half], _mm256_set1_epi16(1));
        sum[row][half] = _mm256_add_epi32(widened, _mm256_set1_epi32(x[row][b].offset));
      }
    }
  }
};

// Products of 8-bit weights: of the weight's magnitude with the value under its sign, two of which fit int16.
template <int kRows>
struct Dots8 {
  __m256i sum[kRows][2];

  void add(const Block32* const* x, ptrdiff_t b, const uint8_t* w) {
    const __m256i zero = _mm256_set1_epi8(-128), ones = _mm256_set1_epi16(1);
    SINTER_UNROLL
    for (int j = 0; j < 8; ++j) {
      __m256i weights[2], magnitudes[2];
      SINTER_UNROLL
      for (int half = 0; half < 2; ++half) {
        weights[half] = _mm256_xor_si256(load(w + j * 64 + half * 32), zero);
        magnitudes[half] = _mm256_abs_epi8(weights[half]);
      }
      SINTER_UNROLL
      for (int row = 0; row < kRows; ++row) {
        const __m256i values = four_values(x[row][b].values + j * 4);
        SINTER_UNROLL
        for (int half = 0; half < 2; ++half) {
          const __m256i pairs = _mm256_maddubs_epi16(magnitudes[half], _mm256_sign_epi8(values, weights[half]));
          const __m256i products = _mm256_madd_epi16(pairs, ones);
          sum[row][half] = j == 0 ? products : _mm256_add_epi32(sum[row][half], products);
          in_this_order(sum[row][half]);
        }
      }
    }
  }
};

template <int kBits, int kRows>
struct Dots : Dots4<kRows> {};
template <int kRows>
struct Dots<8, kRows> : Dots8<kRows> {};

struct Avx2 {
  static constexpr int32_t kMr = 4;

  template <int kBits, int kRows>
  class Tile {
   public:
    explicit Tile(const float* bias) {
      for (int row = 0; row < kRows; ++row) {
        for (int half = 0; half < 2; ++half) _mm256_store_ps(acc_[row][half], _mm256_loadu_ps(bias + half * 8));
      }
    }

    void multiply(const Block32* const* rows, int32_t blocks, const uint8_t* w, const uint16_t* s) {
      const Block32* x[kRows];
      SINTER_UNROLL
      for (int row = 0; row < kRows; ++row) x[row] = rows[row];
      for (ptrdiff_t b = 0; b < blocks; ++b, w += kNr * block_bytes(kBits), s += kNr) {
        Dots<kBits, kRows> dots;
        dots.add(x, b, w);
        __m256 scale[2];
        SINTER_UNROLL
        for (int half = 0; half < 2; ++half) {
          scale[half] = _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(s + half * 8)));
        }
        SINTER_UNROLL
        for (int row = 0; row < kRows; ++row) {
          const __m256 x_scale = _mm256_broadcast_ss(&x[row][b].scale);
          SINTER_UNROLL
          for (int half = 0; half < 2; ++half) {
            const __m256 term = _mm256_mul_ps(_mm256_cvtepi32_ps(dots.sum[row][half]), x_scale);
            _mm256_store_ps(acc_[row][half], _mm256_fmadd_ps(term, scale[half], _mm256_load_ps(acc_[row][half])));
          }
        }
      }
    }

    void store(const ConvB32Params& p, float* y, int32_t columns) const {
      const __m256 low = _mm256_set1_ps(p.low), high = _mm256_set1_ps(p.high);
      for (int row = 0; row < kRows; ++row, y += p.out_channels) {
        for (int half = 0; half < 2; ++half) {
          // The second operand is the result where either is NaN.
          const __m256 clamped = _mm256_min_ps(high, _mm256_max_ps(low, _mm256_load_ps(acc_[row][half])));
          store_first(y + half * 8, clamped, columns - half * 8);
        }
      }
    }

   private:
    // In memory, since the registers are for the dots.
    alignas(32) float acc_[kRows][2][8];
  };
};

}  // namespace

#define SINTER_CONV(name, bits)                                                                                          \
  extern "C" Status name##__avx2(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) { \
    return conv_located<Avx2, bits>(params, operands, scratch, begin, end);                                              \
  }

SINTER_CONV(conv_q4b32_4x16, 4)
SINTER_CONV(conv_q8b32_4x16, 8)

}  // namespace sinter
