#include "../requantize_avx512.h"
#include "columns_avx512.h"
#include "quads.h"
#include "words_avx512.h"

namespace sinter {
namespace {

struct Avx512 {
  using Acc = __m512i;
  using Range = Int8Range512;
  static constexpr int32_t kLanes = 16;

  static void interleave(uint8_t* to, const uint8_t* const from[4], int32_t count) {
    const __m512i order = word_order();
    const auto load = [&](int line, int32_t i) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from[line] + i)); };
    for (int32_t i = 0; i < count; i += 16) {
      const __m512i rows = stack<4>(load(0, i), load(1, i), load(2, i), load(3, i));
      _mm512_storeu_si512(to + ptrdiff_t{i} * 4, _mm512_permutexvar_epi8(order, rows));
    }
  }

  static Range range(int32_t zero, int32_t low, int32_t high) { return int8_range512(zero, low, high); }
  static Acc load_acc(const int32_t* bias) { return _mm512_loadu_si512(bias); }
  static __m512i load_words(const uint8_t* words) { return _mm512_loadu_si512(words); }
  static void expand(int32_t*, int32_t) {}
  static __m512i load_weights(const int32_t* at, int32_t) { return _mm512_loadu_si512(at); }
  static Acc dot(Acc acc, __m512i words, __m512i weights) { return _mm512_dpbusd_epi32(acc, words, weights); }
  static Acc dot_below(Acc acc, __m512i words, __m512i weights) {
    return _mm512_dpbusd_epi32(acc, words, _mm512_slli_epi32(weights, 8));
  }

  static void store_scale(int32_t* at, int32_t columns, const int32_t* multiplier, const int32_t* shift, const Range& range) {
    const Bracket512 bracket = load_bracket512(multiplier, shift, range);
    _mm512_storeu_ps(at, bracket.scale);
    _mm512_storeu_ps(at + columns, bracket.positive);
    _mm512_storeu_ps(at + 2 * columns, bracket.negative);
  }

  // The brackets are loaded here, late, so that those of accumulators below 0 are only where they are needed.
  template <int kVectors>
  static __m512i requantize(const int32_t* const scales[kVectors], int32_t columns, Acc a, Acc b, Acc c, Acc d,
                            const Range& range) {
    Bracket512 bracket[kVectors];
    Columns source[kVectors];
    SINTER_UNROLL
    for (int i = 0; i < kVectors; ++i) {
      const int32_t* at = scales[i];
      bracket[i] = {_mm512_loadu_ps(at), _mm512_loadu_ps(at + columns), _mm512_loadu_ps(at + 2 * columns)};
      source[i] = {at + 4 * columns, at + 5 * columns};
    }
    return requantize64<kVectors>(bracket, a, b, c, d, source, range);
  }

  template <int kPart>
  static void store(__m512i bytes, int8_t* y, int32_t count) {
    const __m128i part = _mm512_extracti32x4_epi32(bytes, kPart);
    if (__builtin_expect(count >= 16, 1)) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(y), part);
    } else if (count > 0) {
      _mm_mask_storeu_epi8(y, static_cast<__mmask16>((1 << count) - 1), part);
    }
  }
};

}  // namespace

extern "C" Status depthwise_s8_2x16k4__avx512(const void* params, void* const* operands, void* scratch, int32_t begin,
                                              int32_t end) {
  return depthwise_quads<Avx512>(params, operands, scratch, begin, end);
}

extern "C" Status depthwise_s8_4x16k4__avx512(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  return by_column::depthwise(params, operands, begin, end);
}

}  // namespace sinter
