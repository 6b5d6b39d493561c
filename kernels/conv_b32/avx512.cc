#include <immintrin.h>

#include "../unroll.h"
#include "located.h"

namespace sinter {
namespace {

// The unmasked forms of some intrinsics warn of uninitialised values in GCC 12.
constexpr __mmask16 kAll = 0xffff;

// Four values of a block, in every lane.
inline __m512i four_values(const int8_t* values) {
  int32_t bits;
  __builtin_memcpy(&bits, values, sizeof(bits));
  return _mm512_set1_epi32(bits);
}

struct Avx512 {
  static constexpr int32_t kMr = 8;

  template <int kBits, int kRows>
  class Tile {
   public:
    explicit Tile(const float* bias) {
      SINTER_UNROLL
      for (int row = 0; row < kRows; ++row) acc_[row] = _mm512_loadu_ps(bias);
    }

    void multiply(const Block32* const* rows, int32_t blocks, const uint8_t* w, const uint16_t* s) {
      const Block32* x[kRows];
      SINTER_UNROLL
      for (int row = 0; row < kRows; ++row) x[row] = rows[row];
      const __m512i low = _mm512_set1_epi8(15);
      for (ptrdiff_t b = 0; b < blocks; ++b, w += kNr * block_bytes(kBits), s += kNr) {
        __m512i dot[kRows];
        SINTER_UNROLL
        for (int row = 0; row < kRows; ++row) dot[row] = _mm512_set1_epi32(x[row][b].offset);
        SINTER_UNROLL
        for (int j = 0; j < 4; ++j) {
          __m512i weights[2];
          if (kBits == 4) {
            const __m512i packed = _mm512_loadu_si512(w + j * 64);
            weights[0] = _mm512_and_si512(packed, low);
            weights[1] = _mm512_and_si512(_mm512_srli_epi16(packed, 4), low);
          } else {
            weights[0] = _mm512_loadu_si512(w + j * 64);
            weights[1] = _mm512_loadu_si512(w + (j + 4) * 64);
          }
          SINTER_UNROLL
          for (int half = 0; half < 2; ++half) {
            SINTER_UNROLL
            for (int row = 0; row < kRows; ++row) {
              dot[row] = _mm512_dpbusd_epi32(dot[row], weights[half], four_values(x[row][b].values + half * 16 + j * 4));
            }
          }
        }
        const __m512 scale = _mm512_maskz_cvtph_ps(kAll, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(s)));
        SINTER_UNROLL
        for (int row = 0; row < kRows; ++row) {
          const __m512 term = _mm512_mul_ps(_mm512_maskz_cvtepi32_ps(kAll, dot[row]), _mm512_set1_ps(x[row][b].scale));
          acc_[row] = _mm512_fmadd_ps(term, scale, acc_[row]);
        }
      }
    }

    void store(const ConvB32Params& p, float* y, int32_t columns) const {
      const __mmask16 mask = static_cast<__mmask16>(columns < kNr ? (1 << columns) - 1 : 0xffff);
      const __m512 low = _mm512_set1_ps(p.low), high = _mm512_set1_ps(p.high);
      SINTER_UNROLL
      for (int row = 0; row < kRows; ++row, y += p.out_channels) {
        // The second operand is the result where either is NaN.
        const __m512 clamped = _mm512_maskz_min_ps(kAll, high, _mm512_maskz_max_ps(kAll, low, acc_[row]));
        if (columns >= kNr) {
          _mm512_storeu_ps(y, clamped);
        } else {
          _mm512_mask_storeu_ps(y, mask, clamped);
        }
      }
    }

   private:
    __m512 acc_[kRows];
  };
};

}  // namespace

#define SINTER_CONV(name, bits)                                                                                            \
  extern "C" Status name##__avx512(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) { \
    return conv_located<Avx512, bits>(params, operands, scratch, begin, end);                                              \
  }

SINTER_CONV(conv_q4b32_8x16, 4)
SINTER_CONV(conv_q8b32_8x16, 8)

}  // namespace sinter
