#include "../requantize_avx2.h"
#include "quads.h"
#include "runs_avx2.h"
#include "taps_avx2.h"
#include "windows_avx2.h"

namespace sinter {
namespace {

// Bytes 0 and 2 of words, and bytes 1 and 3, as int16.
struct Halves {
  __m256i even, odd;
};

struct Avx2 {
  using Acc = __m256i;
  using Range = Int8Range;
  static constexpr int32_t kLanes = 8;

  static void interleave(uint8_t* to, const uint8_t* const from[4], int32_t count) {
    const auto load = [&](int line, int32_t i) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from[line] + i)); };
    for (int32_t i = 0; i < count; i += 32, to += 128) {
      const __m256i a = load(0, i), b = load(1, i), c = load(2, i), d = load(3, i);
      const __m256i ab[2] = {_mm256_unpacklo_epi8(a, b), _mm256_unpackhi_epi8(a, b)};
      const __m256i cd[2] = {_mm256_unpacklo_epi8(c, d), _mm256_unpackhi_epi8(c, d)};
      SINTER_UNROLL
      for (int half = 0; half < 2; ++half) {
        const __m256i low = _mm256_unpacklo_epi16(ab[half], cd[half]), high = _mm256_unpackhi_epi16(ab[half], cd[half]);
        __m128i* at = reinterpret_cast<__m128i*>(to + half * 32);
        _mm_storeu_si128(at, _mm256_castsi256_si128(low));
        _mm_storeu_si128(at + 1, _mm256_castsi256_si128(high));
        _mm_storeu_si128(at + 4, _mm256_extracti128_si256(low, 1));
        _mm_storeu_si128(at + 5, _mm256_extracti128_si256(high, 1));
      }
    }
  }

  static __m256i load(const void* at) { return _mm256_loadu_si256(static_cast<const __m256i*>(at)); }
  static void save(void* at, __m256i value) { _mm256_storeu_si256(static_cast<__m256i*>(at), value); }

  static Range range(int32_t zero, int32_t low, int32_t high) { return int8_range(zero, low, high); }
  static Acc load_acc(const int32_t* bias) { return load(bias); }
  static Halves load_words(const uint8_t* words) {
    const __m256i x = load(words);
    return {_mm256_and_si256(x, _mm256_set1_epi16(0xff)), _mm256_srli_epi16(x, 8)};
  }
  static void expand(int32_t* at, int32_t columns) {
    const __m256i w = load(at);
    save(at, _mm256_srai_epi16(_mm256_slli_epi16(w, 8), 8));
    save(at + columns, _mm256_srai_epi16(w, 8));
  }
  static Halves load_weights(const int32_t* at, int32_t columns) { return {load(at), load(at + columns)}; }
  static Acc dot(Acc acc, const Halves& x, const Halves& w) {
    acc = _mm256_add_epi32(acc, _mm256_madd_epi16(x.even, w.even));
    return _mm256_add_epi32(acc, _mm256_madd_epi16(x.odd, w.odd));
  }
  static Acc dot_below(Acc acc, const Halves& x, const Halves& w) {
    acc = _mm256_add_epi32(acc, _mm256_madd_epi16(x.even, _mm256_slli_epi32(w.odd, 16)));
    return _mm256_add_epi32(acc, _mm256_madd_epi16(x.odd, w.even));
  }

  static void store_scale(int32_t* at, int32_t columns, const int32_t* multiplier, const int32_t* shift, const Range& range) {
    const Bracket bracket = load_bracket(multiplier, shift, range);
    save(at, _mm256_castps_si256(bracket.scale));
    save(at + columns, _mm256_castps_si256(bracket.positive));
    save(at + 2 * columns, _mm256_castps_si256(bracket.negative));
  }

  // The brackets are loaded here, late, so that those of accumulators below 0 are only where they are needed.
  template <int kVectors>
  static __m256i requantize(const int32_t* const scales[kVectors], int32_t columns, Acc a, Acc b, Acc c, Acc d,
                            const Range& range) {
    Bracket bracket[kVectors];
    Columns source[kVectors];
    SINTER_UNROLL
    for (int i = 0; i < kVectors; ++i) {
      const int32_t* at = scales[i];
      bracket[i] = {_mm256_castsi256_ps(load(at)), _mm256_castsi256_ps(load(at + columns)),
                    _mm256_castsi256_ps(load(at + 2 * columns))};
      source[i] = {at + 4 * columns, at + 5 * columns};
    }
    return requantize32<kVectors>(bracket, a, b, c, d, source, range);
  }

  template <int kPart>
  static void store(__m256i bytes, int8_t* y, int32_t count) {
    const __m128i half = _mm256_extracti128_si256(bytes, kPart / 2);
    const __m128i part = kPart % 2 == 0 ? half : _mm_srli_si128(half, 8);
    if (__builtin_expect(count >= 8, 1)) {
      _mm_storel_epi64(reinterpret_cast<__m128i*>(y), part);
    } else if (count > 0) {
      store_s8<1>(y, part, count);
    }
  }
};

}  // namespace

extern "C" Status depthwise_s8_2x16k4__avx2(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  return depthwise_quads<Avx2>(params, operands, scratch, begin, end);
}

extern "C" Status depthwise_s8_5x16k4__avx2(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  const DepthwiseS8Params& given = *static_cast<const DepthwiseS8Params*>(params);
  const DepthwiseS8Params p = lay_down(given);
  by_run::Runs(p, operands).run(begin * given.out[2], end * given.out[2]);
  return kOk;
}

extern "C" Status depthwise_s8_3x16k4__avx2(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  by_window::Windows(*static_cast<const DepthwiseS8Params*>(params), operands).run(begin, end);
  return kOk;
}

extern "C" Status depthwise_s8_4x16k2__avx2(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  return by_table::depthwise(params, operands, scratch, begin, end);
}

}  // namespace sinter
