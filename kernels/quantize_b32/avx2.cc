#include <immintrin.h>

#include "../unroll.h"
#include "quantize_b32.h"

namespace sinter {
namespace {

inline float as_float(uint32_t bits) {
  float x;
  __builtin_memcpy(&x, &bits, sizeof(x));
  return x;
}

// Which of a block's elements there are, as the masks of its four vectors.
struct Masks {
  __m256i mask[4];
};

inline Masks first(int32_t count) {
  const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  Masks masks;
  for (int i = 0; i < 4; ++i) masks.mask[i] = _mm256_cmpgt_epi32(_mm256_set1_epi32(count - i * 8), lanes);
  return masks;
}

inline __attribute__((always_inline)) void quantise(const float* x, const Masks* masks, int32_t weight_zero, Block32& block) {
  const __m256 magnitude = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
  __m256 values[4];
  SINTER_UNROLL
  for (int i = 0; i < 4; ++i) {
    values[i] = masks == nullptr ? _mm256_loadu_ps(x + i * 8) : _mm256_maskload_ps(x + i * 8, masks->mask[i]);
  }
  // Magnitudes compare as integers do, a NaN above infinity.
  __m256i maxima = _mm256_castps_si256(_mm256_and_ps(values[0], magnitude));
  SINTER_UNROLL
  for (int i = 1; i < 4; ++i) maxima = _mm256_max_epi32(maxima, _mm256_castps_si256(_mm256_and_ps(values[i], magnitude)));
  __m128i half = _mm_max_epi32(_mm256_castsi256_si128(maxima), _mm256_extracti128_si256(maxima, 1));
  half = _mm_max_epi32(half, _mm_shuffle_epi32(half, 0x4e));
  half = _mm_max_epi32(half, _mm_shuffle_epi32(half, 0xb1));
  const uint32_t largest = static_cast<uint32_t>(_mm_cvtsi128_si32(half));
  if (largest - kLeastMaximum >= kInfinity - kLeastMaximum) {
    block = Block32{};
    if (largest >= kInfinity) block.scale = as_float(kNotANumber);
    return;
  }
  const __m128 maximum = _mm_castsi128_ps(half), levels = _mm_set1_ps(127.0f);
  const __m128 quotients = _mm_div_ps(_mm_blend_ps(maximum, levels, 1), _mm_blend_ps(levels, maximum, 1));
  const __m256 inverse = _mm256_broadcastss_ps(quotients);
  __m256i rounded[4];
  SINTER_UNROLL
  for (int i = 0; i < 4; ++i) rounded[i] = _mm256_cvtps_epi32(_mm256_mul_ps(values[i], inverse));
  const __m256i packed = _mm256_packs_epi16(_mm256_packs_epi32(rounded[0], rounded[1]), _mm256_packs_epi32(rounded[2], rounded[3]));
  const __m256i ordered = _mm256_permutevar8x32_epi32(packed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
  const __m256i sums = _mm256_sad_epu8(_mm256_xor_si256(packed, _mm256_set1_epi8(-128)), _mm256_setzero_si256());
  __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
  sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
  block.scale = _mm_cvtss_f32(_mm_movehdup_ps(quotients));
  block.offset = -weight_zero * (_mm_cvtsi128_si32(sum) - kBlockDepth * 128);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(block.values), ordered);
}

}  // namespace

extern "C" Status quantize_b32__avx2(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  // A copy, since the output could lie where the params do for all that the compiler knows.
  const QuantizeB32Params p = *static_cast<const QuantizeB32Params*>(params);
  const Masks last = first(p.depth % kBlockDepth);
  for_each_block(p, operands, begin, end, [&](const float* x, int32_t count, Block32& block) {
    if (count == kBlockDepth) return quantise(x, nullptr, p.weight_zero, block);
    quantise(x, &last, p.weight_zero, block);
  });
  return kOk;
}

}  // namespace sinter
