// Windows along one axis that move by one, by AVX2: eight channels of the input where it lies. Each two neighbours become a pair of
// int16, which every output whose window covers them multiplies.
#pragma once

#include "columns.h"
#include "windows_avx2.h"

namespace sinter {
namespace {
namespace by_run {

using by_window::add_products, by_window::kChannels, by_window::kHeld, by_window::kTogether, by_window::widen;

constexpr int kPairs = 4;  // that are added at once

class Runs : by_window::Layer {
 public:
  using Layer::Layer;

  // Outputs [begin, end) of all lines.
  void run(int32_t begin, int32_t end) const {
    while (begin < end) {
      const int32_t line = begin / p_.out[2], first = begin % p_.out[2], left = p_.out[2] - first;
      const int32_t count = left < end - begin ? left : end - begin;
      const int8_t* x = input_ + ptrdiff_t{line} * p_.in[2] * p_.in_channels;
      int8_t* y = output_ + ptrdiff_t{begin} * p_.out_channels;
      // The last block may overlap the one before.
      for (int32_t c = 0; c < p_.out_channels; c += kChannels) {
        const int32_t channel = c < p_.out_channels - kChannels ? c : p_.out_channels - kChannels;
        block(channel, x + channel, first - p_.pad[2], count, y + channel);
      }
      begin += count;
    }
  }

 private:
  // The weights of two neighbouring taps as int16.
  __m256i weights(int32_t channel, int32_t pair) const {
    const __m256i order = _mm256_add_epi8(by_window::first_two(), _mm256_set1_epi8(static_cast<char>(pair % 2 * 2)));
    return _mm256_srai_epi16(_mm256_shuffle_epi8(load(weights_ + channel + pair / 2 * packed_), order), 8);
  }

  // `count` outputs of eight channels of a line, whose first window begins at a place.
  __attribute__((noinline)) void block(int32_t channel, const int8_t* x, int32_t place, int32_t count, int8_t* y) const {
    __m256i acc[kHeld + kTogether - 1], seen[kHeld + kLongest];
    const __m256i all = _mm256_set1_epi16(128);
    // The packed bias is that of inputs plus 128.
    __m256i bias = load(bias_ + channel);
    for (int32_t pair = 0; pair < pairs_; ++pair) bias = add_products(bias, all, weights(channel, pair));
    const Bracket bracket = load_bracket(multiplier_ + channel, shift_ + channel, range_);
    const Columns columns = {multiplier_ + channel, shift_ + channel};
    for (int32_t taken; count > 0; count -= taken, place += taken, y += taken * ptrdiff_t{p_.out_channels}) {
      taken = count < kHeld ? count : kHeld;
      read(x, place, taken + 2 * pairs_ - 2, taken == 1 ? 2 : 1, seen);
      for (int32_t i = 0; i < taken; ++i) acc[i] = bias;
      for (int32_t pair = 0; pair < pairs_; pair += kPairs) {
        const __m256i* from = seen + 2 * pair;
        switch (pairs_ - pair) {
          case 1:
            multiply<1>(channel, pair, from, taken, acc);
            break;
          case 2:
            multiply<2>(channel, pair, from, taken, acc);
            break;
          case 3:
            multiply<3>(channel, pair, from, taken, acc);
            break;
          default:
            multiply<kPairs>(channel, pair, from, taken, acc);
        }
      }
      by_window::finish(acc, taken, bracket, columns, range_, y, p_.out_channels);
    }
  }

  // Pairs of the inputs at so many places, every one or every second of them, and the next ones.
  void read(const int8_t* x, int32_t place, int32_t count, int every, __m256i* to) const {
    const ptrdiff_t step = p_.in_channels;
    const uint32_t width = static_cast<uint32_t>(p_.in[2]);
    const __m128i outside = _mm_set1_epi8(static_cast<char>(p_.in_zero));
    ptrdiff_t at = place * step;
    const auto next = [&]() __attribute__((always_inline)) {
      const bool inside = static_cast<uint32_t>(place) < width;
      const __m128i input = inside ? _mm_loadl_epi64(reinterpret_cast<const __m128i*>(x + at)) : outside;
      ++place;
      at += step;
      return input;
    };
    if (every == 1) {
      __m128i a = next();
      for (int32_t i = 0; i < count; ++i) {
        const __m128i b = next();
        to[i] = widen(a, b);
        a = b;
      }
    } else {
      for (int32_t i = 0; i < count; i += 2) {
        const __m128i a = next(), b = next();
        to[i] = widen(a, b);
      }
    }
  }

  template <int kCount>
  void multiply(int32_t channel, int32_t pair, const __m256i* from, int32_t count, __m256i* acc) const {
    __m256i w[kCount];
    SINTER_UNROLL
    for (int i = 0; i < kCount; ++i) w[i] = weights(channel, pair + i);
    for (int32_t o = 0; o < count; ++o) {
      __m256i sum = acc[o];
      SINTER_UNROLL
      for (int i = 0; i < kCount; ++i) sum = add_products(sum, from[o + 2 * i], w[i]);
      acc[o] = sum;
    }
  }

  const int32_t pairs_ = div_up(p_.kernel[2], 2);
};

}  // namespace by_run
}  // namespace
}  // namespace sinter
