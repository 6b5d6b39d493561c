// Windows of 3 by 3 taps that slide along a row by one or two, by AVX2: eight channels of the input where it lies, as pairs of
// int16. A place of a row is read once: the pair of its first two rows serves every output whose window covers it, the pair of its
// third row and the next place's two of them.
#pragma once

#include "../requantize_avx2.h"
#include "../unroll.h"
#include "depthwise_s8.h"

namespace sinter {
namespace {
namespace by_window {

constexpr int kChannels = 8, kColumns = 3;

// Accumulators that are held, and how many are rescaled together.
constexpr int32_t kHeld = 64, kTogether = 4;

// Bytes of input rows that stay in the first-level cache from one block of channels to the next.
constexpr int64_t kBandBytes = 16 << 10;

// Outputs of a row below which windows rather slide down a column.
constexpr int32_t kNarrow = 16;

inline __m256i add_products(__m256i acc, __m256i x, __m256i weights) {
  return _mm256_add_epi32(acc, _mm256_madd_epi16(x, weights));
}

inline __m256i widen(__m128i a, __m128i b) { return _mm256_cvtepi8_epi16(_mm_unpacklo_epi8(a, b)); }

// The weights of eight channels: words of a column's three rows and a zero, as they are packed.
struct Words {
  __m256i column[kColumns];
};

// The same as pairs of int16: the first two rows of each column; the third row of the first two columns; that of the last column
// in one half.
struct Pairs {
  __m256i rows[kColumns], third, last;
};

// The order in which the first two bytes of each word stand twice.
inline __m256i first_two() {
  return _mm256_setr_epi8(0, 0, 1, 1, 4, 4, 5, 5, 8, 8, 9, 9, 12, 12, 13, 13, 0, 0, 1, 1, 4, 4, 5, 5, 8, 8, 9, 9, 12, 12, 13, 13);
}

// kStride tells the half: windows that move by one find the last column's third row in the upper one.
template <int kStride>
inline Pairs pair(const Words& words) {
  const __m256i first = first_two();
  const __m256i third = _mm256_setr_epi8(2, 2, 2, 2, 6, 6, 6, 6, 10, 10, 10, 10, 14, 14, 14, 14, 2, 2, 2, 2, 6, 6, 6, 6, 10, 10, 10,
                                         10, 14, 14, 14, 14);
  const auto spread = [&](int i, __m256i order) { return _mm256_srai_epi16(_mm256_shuffle_epi8(words.column[i], order), 8); };
  return {{spread(0, first), spread(1, first), spread(2, first)},
          _mm256_blend_epi16(spread(0, third), spread(1, third), 0xAA),
          _mm256_blend_epi16(_mm256_setzero_si256(), spread(2, third), kStride == 1 ? 0xAA : 0x55)};
}

// The weights of windows whose columns are rows.
inline Words turn(const Words& words) {
  const __m256i byte = _mm256_set1_epi32(0xff);
  Words turned;
  SINTER_UNROLL
  for (int i = 0; i < kColumns; ++i) {
    const auto row = [&](int column) { return _mm256_and_si256(_mm256_srli_epi32(words.column[column], 8 * i), byte); };
    const __m256i two = _mm256_or_si256(row(0), _mm256_slli_epi32(row(1), 8));
    turned.column[i] = _mm256_or_si256(two, _mm256_slli_epi32(row(2), 16));
  }
  return turned;
}

// acc + value * the sum of the weights.
inline __m256i add_sum(__m256i acc, const Words& words, int32_t value) {
  const __m256i all = _mm256_set1_epi16(static_cast<int16_t>(value));
  const Pairs w = pair<1>(words);
  SINTER_UNROLL
  for (int i = 0; i < kColumns; ++i) acc = add_products(acc, all, w.rows[i]);
  return add_products(add_products(acc, all, w.third), all, w.last);
}

// Rescales and stores so many pixels of eight channels, `step` bytes apart; kTogether - 1 accumulators behind them are written.
__attribute__((noinline)) inline void finish(__m256i* acc, int32_t pixels, const Bracket& constants, const Columns& source,
                                             const Int8Range& limits, int8_t* y, ptrdiff_t step) {
  const Bracket bracket[1] = {constants};
  const Columns columns[1] = {source};
  const Int8Range range = limits;
  SINTER_UNROLL
  for (int i = 0; i < kTogether - 1; ++i) acc[pixels + i] = acc[0];
  for (; pixels > 0; pixels -= kTogether, acc += kTogether) {
    const __m256i bytes = requantize32<1>(bracket, acc[0], acc[1], acc[2], acc[3], columns, range);
    const __m128i low = _mm256_castsi256_si128(bytes), high = _mm256_extracti128_si256(bytes, 1);
    const auto store = [&](__m128i eight) {
      _mm_storel_epi64(reinterpret_cast<__m128i*>(y), eight);
      y += step;
    };
    store(low);
    if (pixels > 1) store(_mm_srli_si128(low, 8));
    if (pixels > 2) store(high);
    if (pixels > 3) store(_mm_srli_si128(high, 8));
  }
}

// One of the two axes of an image: along it windows slide, across it they have three lines of inputs.
struct Axis {
  int32_t in, first, count;  // outputs from the first one on
  int32_t stride, pad;
  ptrdiff_t step, out_step;
};

// The operands of one call.
struct Layer {
  const DepthwiseS8Params& p_;
  const int8_t* const input_;
  const int32_t *const weights_, *const bias_, *const multiplier_, *const shift_;
  int8_t* const output_;
  const ptrdiff_t packed_;  // words from one quad of taps to the next
  const Int8Range range_;

  Layer(const DepthwiseS8Params& p, void* const* operands)
      : p_(p),
        input_(static_cast<const int8_t*>(operands[0])),
        weights_(static_cast<const int32_t*>(operands[1])),
        bias_(static_cast<const int32_t*>(operands[2])),
        multiplier_(static_cast<const int32_t*>(operands[3])),
        shift_(static_cast<const int32_t*>(operands[4])),
        output_(static_cast<int8_t*>(operands[5])),
        packed_(ptrdiff_t{div_up(p.out_channels, 16)} * 16),
        range_(int8_range(p.out_zero, p.out_min, p.out_max)) {}

  static __m256i load(const int32_t* at) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)); }
};

class Windows : Layer {
 public:
  using Layer::Layer;

  // Output rows [begin, end).
  void run(int32_t begin, int32_t end) const {
    const ptrdiff_t channels = p_.in_channels, line = p_.in[2] * channels, out_line = p_.out[2] * channels;
    const int64_t fit = kBandBytes / (int64_t{line} * p_.stride[1]);
    while (begin < end) {
      const int32_t plane = begin / p_.out[1], row = begin % p_.out[1], below = p_.out[1] - row;
      int32_t rows = fit < 1 ? 1 : fit < below ? static_cast<int32_t>(fit) : below;
      if (rows > end - begin) rows = end - begin;
      const Axis across = {p_.in[1], row, rows, p_.stride[1], p_.pad[1], line, out_line};
      const Axis along = {p_.in[2], 0, p_.out[2], p_.stride[2], p_.pad[2], channels, channels};
      const bool down = p_.out[2] < kNarrow && p_.out[2] < rows && p_.stride[1] <= 2;
      const int8_t* x = input_ + plane * p_.in[1] * line;
      int8_t* y = output_ + plane * p_.out[1] * out_line;
      // The last block may overlap the one before.
      for (int32_t c = 0; c < p_.out_channels; c += kChannels) {
        const int32_t channel = c < p_.out_channels - kChannels ? c : p_.out_channels - kChannels;
        const Words words = load_words(channel);
        if (down) {
          block(turn(words), across, along, channel, x + channel, y + channel);
        } else {
          block(words, along, across, channel, x + channel, y + channel);
        }
      }
      begin += rows;
    }
  }

 private:
  Words load_words(int32_t channel) const {
    const int32_t* w = weights_ + channel;
    return {{load(w), load(w + packed_), load(w + 2 * packed_)}};
  }

  void block(const Words& words, const Axis& along, const Axis& across, int32_t channel, const int8_t* x, int8_t* y) const {
    along.stride == 1 ? block<1>(words, along, across, channel, x, y) : block<2>(words, along, across, channel, x, y);
  }

  // Eight channels of a plane; x, y: their first inputs and outputs.
  template <int kStride>
  __attribute__((noinline)) void block(const Words& words, const Axis& along, const Axis& across, int32_t channel, const int8_t* x,
                                       int8_t* y) const {
    // The packed bias is that of inputs plus 128.
    const __m256i bias = add_sum(load(bias_ + channel), words, 128);
    const Pairs pairs = pair<kStride>(words);
    const Bracket bracket = load_bracket(multiplier_ + channel, shift_ + channel, range_);
    const Columns columns = {multiplier_ + channel, shift_ + channel};
    const bool joined = along.count * along.out_step == across.out_step;  // outputs follow each other from line to line
    __m256i acc[kHeld + kTogether - 1];
    int32_t held = 0;
    int8_t* to = y + across.first * across.out_step + along.first * along.out_step;
    for (int32_t line = 0; line < across.count; ++line) {
      const int32_t origin = (across.first + line) * across.stride - across.pad;
      const int8_t* lines[kColumns];
      uint32_t seen = 0;
      SINTER_UNROLL
      for (int i = 0; i < kColumns; ++i) {
        const int32_t at = origin + i, inside = at < 0 ? 0 : at < across.in ? at : across.in - 1;
        lines[i] = x + inside * across.step;
        if (at == inside) seen |= 0xffu << (8 * i);
      }
      Pairs with = pairs;
      __m256i from = bias;
      if (__builtin_expect(seen != 0xffffff, 0)) {
        // Lines outside are not read: the bias takes what they add, and others stand for them, times zero.
        const __m256i mask = _mm256_set1_epi32(static_cast<int32_t>(seen));
        Words inside, outside;
        SINTER_UNROLL
        for (int i = 0; i < kColumns; ++i) {
          inside.column[i] = _mm256_and_si256(mask, words.column[i]);
          outside.column[i] = _mm256_andnot_si256(mask, words.column[i]);
        }
        with = pair<kStride>(inside);
        from = add_sum(bias, outside, p_.in_zero);
      }
      if (held == 0) to = y + (across.first + line) * across.out_step + along.first * along.out_step;
      for (int32_t done = 0; done < along.count;) {
        const int32_t left = along.count - done, count = left < kHeld - held ? left : kHeld - held;
        multiply<kStride>(along, lines, (along.first + done) * kStride - along.pad, count, with, from, acc + held);
        done += count;
        held += count;
        if (held < kHeld && joined && line + 1 < across.count) continue;
        finish(acc, held, bracket, columns, range_, to, along.out_step);
        to += held * along.out_step;
        held = 0;
      }
    }
  }

  // The accumulators of `count` outputs of a line, whose first window begins at a place.
  template <int kStride>
  __attribute__((noinline)) void multiply(const Axis& along, const int8_t* const (&lines)[kColumns], int32_t place, int32_t count,
                                          const Pairs& pairs, __m256i bias, __m256i* to) const {
    const Pairs w = pairs;
    const ptrdiff_t step = along.step;
    const uint32_t width = static_cast<uint32_t>(along.in);
    const int8_t *const x0 = lines[0], *const x1 = lines[1], *const x2 = lines[2];
    const __m128i outside = _mm_set1_epi8(static_cast<char>(p_.in_zero));
    ptrdiff_t at = place * step;
    // The pair of the first two lines at the next place, and the third one.
    const auto read = [&](__m128i& third) __attribute__((always_inline)) {
      __m128i first = outside, second = outside;
      third = outside;
      if (__builtin_expect(static_cast<uint32_t>(place) < width, 1)) {
        first = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(x0 + at));
        second = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(x1 + at));
        third = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(x2 + at));
      }
      ++place;
      at += step;
      return widen(first, second);
    };
    __m128i third_a, third_b, third_c;
    __m256i a = read(third_a);
    if (kStride == 1) {
      __m256i b = read(third_b), pair_a = widen(third_a, third_b);
      for (; count > 0; --count) {
        const __m256i c = read(third_c), pair_b = widen(third_b, third_c);
        const __m256i left = add_products(add_products(bias, a, w.rows[0]), pair_a, w.third);
        const __m256i right = _mm256_add_epi32(_mm256_madd_epi16(c, w.rows[2]), _mm256_madd_epi16(pair_b, w.last));
        *to++ = add_products(_mm256_add_epi32(left, right), b, w.rows[1]);
        a = b, b = c, pair_a = pair_b, third_b = third_c;
      }
    } else {
      for (; count > 0; --count) {
        const __m256i b = read(third_b), c = read(third_c);
        const __m256i left = add_products(add_products(bias, a, w.rows[0]), widen(third_a, third_b), w.third);
        const __m256i right =
            _mm256_add_epi32(_mm256_madd_epi16(c, w.rows[2]), _mm256_madd_epi16(_mm256_cvtepi8_epi32(third_c), w.last));
        *to++ = add_products(_mm256_add_epi32(left, right), b, w.rows[1]);
        a = c, third_a = third_c;
      }
    }
  }
};

}  // namespace by_window
}  // namespace
}  // namespace sinter
