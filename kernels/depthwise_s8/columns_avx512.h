// columns.h by AVX-512: tiles of four vectors, which are neighbours in a line, or where a line of one axis has no four left, of
// several blocks. Of windows three taps wide, sixty-four channels go at a time where there are as many (blocks_avx512.h).
#pragma once

#include "../requantize_avx512.h"
#include "blocks_avx512.h"
#include "columns.h"
#include "words_avx512.h"

namespace sinter {
namespace {
namespace by_column {

// Output rows of one plane, or a part of one row, that stay in the first-level cache for all channels.
struct Band {
  const int8_t* plane;
  int8_t* y;
  int32_t rows, pixels;
  int32_t top, left;  // the first row and place of the first window
};

// What columns of a block of channels are multiplied with, for each output row that they serve.
template <int kRows, int kQuads>
struct Block {
  __m512i weights[kRows][kQuads], bias[kRows];
};

// kStep: columns from one vector to the next, 0 for any step and dilation; kQuads, kGap columns apart, of taps kAside pixels apart,
// 0 for rows.
template <int kStep, int kQuads, int kGap, int kAside>
class ColumnKernel {
 public:
  ColumnKernel(const DepthwiseS8Params& params, void* const* operands)
      : p(params),
        channels(params.in_channels),
        pixels(kAside == 0 ? column_pixels(params) : 1),
        lanes(channels < kColumnLanes ? channels * pixels : kColumnLanes),
        input(static_cast<const int8_t*>(operands[0])),
        output(static_cast<int8_t*>(operands[5])),
        range(int8_range512(params.out_zero, params.out_min, params.out_max)),
        constants{static_cast<const int32_t*>(operands[2]), static_cast<const int32_t*>(operands[3]),
                  static_cast<const int32_t*>(operands[4])} {
    for (int quad = 0; quad < kQuads; ++quad) {
      const ptrdiff_t at = ptrdiff_t{quad < p.kernel[2] ? quad : 0} * div_up(channels, kColumnLanes) * kColumnLanes;
      constants[3 + quad] = static_cast<const int32_t*>(operands[1]) + at;
    }
    if (pixels > 1) repeat();
  }

  // Output pixels [begin, end).
  void run(int32_t begin, int32_t end) const {
    const bool pairs = kAside == 0 && p.stride[1] == 1 && p.dilation[1] == 1;
    const int64_t line = int64_t{p.in[2]} * channels;
    const int32_t most = band_rows(p, pairs);
    while (begin < end) {
      const Pixel pixel = locate(p, begin);
      const int32_t w = begin % p.out[2], below = p.out[1] - begin / p.out[2] % p.out[1];
      Band band = {input + (ptrdiff_t{pixel.batch} * p.in[0] + pixel.origin[0]) * p.in[1] * line,
                   output + ptrdiff_t{begin} * channels,
                   1,
                   p.out[2] - w,
                   pixel.origin[1],
                   pixel.origin[2]};
      if (band.pixels > end - begin) band.pixels = end - begin;
      if (band.pixels == p.out[2]) {
        band.rows = (end - begin) / p.out[2];
        if (band.rows > below) band.rows = below;
        if (band.rows > most) band.rows = most;
      }
      // A last row without a partner goes alone, or where lines are short, with the one above again.
      if (pairs && band.rows > 1 && band.pixels > 4 * pixels) band.rows -= band.rows % 2;
      begin += band.rows * band.pixels;
      if (pairs && band.rows > 1) {
        lines<kAside == 0 ? 2 : 1>(band);
      } else {
        lines<1>(band);
      }
    }
  }

 private:
  const DepthwiseS8Params& p;
  const int32_t channels;
  const int32_t pixels, lanes;  // of a vector
  const int8_t* input;
  int8_t* output;
  const Int8Range512 range;
  const int32_t* constants[3 + kQuads];  // bias, multiplier, shift, weights
  alignas(64) int32_t repeated[3 + kQuads][kColumnLanes];

  void repeat() {
    for (int i = 0; i < 3 + kQuads; ++i) {
      for (int32_t lane = 0; lane < kColumnLanes; ++lane) repeated[i][lane] = lane < lanes ? constants[i][lane % channels] : 0;
      constants[i] = repeated[i];
    }
  }

  template <int kRows>
  Block<kRows, kQuads> load_block(int32_t channel) const {
    Block<kRows, kQuads> block;
    SINTER_UNROLL
    for (int row = 0; row < kRows; ++row) {
      block.bias[row] = _mm512_loadu_si512(constants[0] + channel);
      SINTER_UNROLL
      for (int quad = 0; quad < kQuads; ++quad) {
        const bool exists = kAside != 0 || quad < p.kernel[2];
        const __m512i weights = _mm512_maskz_loadu_epi32(exists ? 0xffff : 0, constants[3 + quad] + channel);
        block.weights[row][quad] = _mm512_slli_epi32(weights, 8 * row);
      }
    }
    return block;
  }

  // The same with the taps of rows outside summed up beforehand.
  template <int kRows>
  static Block<kRows, kQuads> sum_outside(Block<kRows, kQuads> block, __mmask64 outside, __m512i padding) {
    SINTER_UNROLL
    for (int row = 0; row < kRows; ++row) {
      SINTER_UNROLL
      for (int quad = 0; quad < kQuads; ++quad) {
        __m512i& weights = block.weights[row][quad];
        block.bias[row] = _mm512_dpbusd_epi32(block.bias[row], padding, _mm512_maskz_mov_epi8(outside, weights));
        weights = _mm512_maskz_mov_epi8(~outside, weights);
      }
    }
    return block;
  }

  static __m128i load(const int8_t* at) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at)); }

  // The sixteen bytes of each tap, plus 128.
  template <int kTaps>
  static __m512i gather(__m512i sign, __m128i a, __m128i b, __m128i c, __m128i d) {
    return _mm512_xor_si512(stack<kTaps>(a, b, c, d), sign);
  }

  // Sixteen bytes at a place of a row, in_zero where they lie outside.
  inline __attribute__((always_inline)) __m128i load_edge(const int8_t* at, int32_t place) const {
    const int32_t before = place < 0 ? -place : 0, room = p.in[2] - place, last = room < pixels ? room : pixels;
    const __m128i outside = _mm_set1_epi8(static_cast<char>(p.in_zero));
    if (before >= last) return outside;
    if (channels >= kColumnLanes) return load(at);
    const uint32_t mask = ((1u << last * channels) - 1) & ~((1u << before * channels) - 1);
    return _mm_mask_loadu_epi8(outside, static_cast<__mmask16>(mask), at);
  }

  // The same where some lie outside.
  __attribute__((noinline, cold)) __m512i edge(const int8_t* a, const int8_t* b, const int8_t* c, const int8_t* d,
                                               int32_t place) const {
    const ptrdiff_t pixel = kAside * channels;
    return gather<4>(_mm512_set1_epi8(-128), load_edge(a, place), load_edge(b + pixel, place + kAside),
                     load_edge(c + 2 * pixel, place + 2 * kAside), load_edge(d + 3 * pixel, place + 3 * kAside));
  }

  // Whether one of the first `pixels` vectors reads column c.
  static constexpr bool reads(int c, int pixels) {
    for (int i = 0; i < pixels; ++i) {
      for (int quad = 0; quad < kQuads; ++quad) {
        if (i * kStep + quad * kGap == c) return true;
      }
    }
    return false;
  }

  // A band of sixty-four channels.
  template <int kRows>
  void block(const Band& band, int32_t channel) const {
    by_block::Columns3<kRows, kStep == 2 ? 2 : 1> block(constants[3] + channel, constants[4] - constants[3], constants[0] + channel,
                                                        constants[1] + channel, constants[2] + channel, p.in_zero, range);
    const ptrdiff_t line = ptrdiff_t{p.in[2]} * channels, below = ptrdiff_t{p.out[2]} * channels;
    for (int32_t next = 0; next < band.rows; next += kRows) {
      const int32_t row = next + kRows <= band.rows ? next : band.rows - kRows;
      for (int tap = 0; tap < kRows + 2; ++tap) {
        const int32_t h = band.top + row * p.stride[1] + tap * p.dilation[1];
        block.set_row(tap, h < 0 || h >= p.in[1] ? nullptr : band.plane + h * line + channel, channels);
      }
      block.line(band.left, p.in[2], band.y + row * below + channel, band.pixels, channels, below);
    }
  }

  // A band, kRows rows at a time.
  template <int kRows>
  void lines(const Band& band) const {
    int32_t channel = 0;
    if constexpr (kAside == 0 && kStep != 0) {
      if (p.kernel[2] == 3) {
        constexpr int32_t kWhole = by_block::kChannels, kWorthwhile = 40;
        for (; channel + kWhole <= channels; channel += kWhole) block<kRows>(band, channel);
        if (channel > 0 && channels - channel > kWorthwhile) {
          block<kRows>(band, channels - kWhole);
          channel = channels;
        }
        if (channel == channels) return;
      }
    }
    const int32_t vectors = div_up(band.pixels, pixels);
    if constexpr (kAside == 0) {
      tiles<kRows, 4>(band, channel, 0, div_up(vectors, 4));
    } else {
      // Few vectors, of which other blocks of channels fill tiles.
      const int32_t left = vectors % 4, rest = left == 3 || (band.rows == 1 && vectors > 4) ? 0 : left;
      if (vectors > rest) tiles<kRows, 4>(band, channel, 0, div_up(vectors - rest, 4));
      if (rest == 2) tiles<kRows, 2>(band, channel, vectors - 2, 1);
      if (rest == 1) tiles<kRows, 1>(band, channel, vectors - 1, 1);
    }
  }

  // `count` tiles of kVectors vectors of a line by 4 / kVectors blocks of channels, from vector `first` of each line on.
  template <int kRows, int kVectors>
  __attribute__((noinline)) void tiles(const Band& band, int32_t first_channel, int32_t first, int32_t count) const {
    constexpr int kBlocks = 4 / kVectors, kTaps = kAside == 0 ? kRows + 2 : 4;
    constexpr bool kSlides = kVectors == 4 && kStep != 0;
    constexpr int kColumns = kStep == 0 ? kVectors * kQuads : (kVectors - 1) * kStep + (kQuads - 1) * kGap + 1;
    constexpr int kKept = kSlides && kColumns > kVectors * kStep ? kColumns - kVectors * kStep : 0;
    const int32_t last = channels < kColumnLanes ? 0 : channels - kColumnLanes, width = p.in[2], step = p.stride[2] * pixels;
    const int32_t reach = pixels + (kTaps - 1) * kAside, spare = div_up(kColumnLanes, channels) + (kTaps - 1) * kAside - 1;
    const uint32_t inside = width < spare ? 0 : static_cast<uint32_t>(width - spare);  // places where columns read within rows
    const ptrdiff_t pixel = channels, vector = pixels * pixel;
    const Int8Range512 limits = range;
    const __m512i order = word_order(), padding = _mm512_set1_epi8(static_cast<char>(p.in_zero + 128));
    __m512i sign = _mm512_set1_epi8(-128);
    __asm__("" : "+v"(sign));
    for (; first_channel < channels; first_channel += kBlocks * kColumnLanes) {
      Block<kRows, kQuads> blocks[kBlocks], edges[kBlocks];
      Bracket512 brackets[kBlocks];
      Columns columns[kBlocks];
      ptrdiff_t channel[kBlocks];
      SINTER_UNROLL
      for (int j = 0; j < kBlocks; ++j) {
        const int32_t at = first_channel + j * kColumnLanes < last ? first_channel + j * kColumnLanes : last;
        channel[j] = at;
        blocks[j] = load_block<kRows>(at);
        columns[j] = {constants[1] + at, constants[2] + at};
        brackets[j] = load_bracket512(columns[j].multiplier, columns[j].shift, limits);
      }
      for (int32_t next = 0; next < band.rows; next += kRows) {
        const int32_t row = next + kRows <= band.rows ? next : band.rows - kRows;
        const int8_t* taps[kTaps];
        __mmask64 outside = 0;
        SINTER_UNROLL
        for (int tap = 0; tap < kTaps; ++tap) {
          const int32_t h = band.top + row * p.stride[1] + (kAside == 0 ? tap * p.dilation[1] : 0);
          const int32_t clamped = h < 0 ? 0 : h < p.in[1] ? h : p.in[1] - 1;
          if (h != clamped) outside |= uint64_t{0x1111111111111111} << tap;
          taps[tap] = band.plane + clamped * (width * pixel);
        }
        const Block<kRows, kQuads>* block = blocks;
        if (outside != 0) {
          SINTER_UNROLL
          for (int j = 0; j < kBlocks; ++j) edges[j] = sum_outside(blocks[j], outside, padding);
          block = edges;
        }
        const Block<kRows, kQuads> only = *block;  // in registers, where there is one
        const auto taps_at = [&](int32_t place, ptrdiff_t from) {
          if (__builtin_expect(static_cast<uint32_t>(place) >= inside, 0)) {
            return place + reach <= 0 || place >= width
                       ? padding
                       : edge(taps[0] + from, taps[1] + from, taps[2] + from, taps[kTaps - 1] + from, place);
          }
          if (kAside == 0) {
            return gather<kTaps>(sign, load(taps[0] + from), load(taps[1] + from), load(taps[2] + from),
                                 load(taps[kTaps - 1] + from));
          }
          const int8_t* at = taps[0] + from;
          return gather<kTaps>(sign, load(at), load(at + pixel), load(at + 2 * pixel), load(at + 3 * pixel));
        };
        int32_t place = band.left + first * step;
        ptrdiff_t from = place * pixel + channel[0];
        __m512i x[kBlocks][kColumns], pixels4 = padding;
        if (kSlides && kAside != 0) pixels4 = taps_at(place, from);
        // The next columns of a line: kStep * kVectors of them, or those that the first tile needs besides.
        const auto slide = [&](int c) {
          if (kAside == 0) {
            x[0][c] = _mm512_permutexvar_epi8(order, taps_at(place++, from));
            from += pixel;
          } else if (c % 4 == 0) {
            place += 4;
            from += 4 * pixel;
            const __m512i next = taps_at(place, from);
            SINTER_UNROLL
            for (int i = 0; i < 4; ++i) {
              const __m512i aside = _mm512_add_epi8(order, _mm512_set1_epi8(static_cast<char>(16 * i)));
              x[0][c + i < kColumns ? c + i : 0] = _mm512_permutex2var_epi8(pixels4, aside, next);
            }
            pixels4 = next;
          }
        };
        SINTER_UNROLL
        for (int c = 0; c < kKept; ++c) slide(c);
        const ptrdiff_t below = ptrdiff_t{p.out[2]} * channels;
        int8_t* y = band.y + row * below + first * vector;
        ptrdiff_t left = (band.pixels - first * pixels) * pixel;
        for (int32_t tile = 0; tile < count; ++tile) {
          SINTER_UNROLL
          for (int j = 0; j < kBlocks; ++j) {
            SINTER_UNROLL
            for (int c = kKept; c < kColumns; ++c) {
              if (kSlides) {
                slide(c);
              } else if (kStep == 0 || reads(c, kVectors)) {
                const int32_t aside = kStep == 0 ? c / kQuads * step + c % kQuads * p.dilation[2] : c;
                const ptrdiff_t at = from + aside * pixel + (channel[j] - channel[0]);
                x[j][c] = _mm512_permutexvar_epi8(order, taps_at(place + aside, at));
              }
            }
          }
          const bool whole = lanes == kColumnLanes && left >= kVectors * vector;
          SINTER_UNROLL
          for (int r = 0; r < kRows; ++r) {
            __m512i acc[4];
            SINTER_UNROLL
            for (int i = 0; i < 4; ++i) {
              constexpr int kFirst = kStep == 0 ? kQuads : kStep, kNext = kStep == 0 ? 1 : kGap;
              const Block<kRows, kQuads>& with = kBlocks == 1 ? only : block[i % kBlocks];
              acc[i] = with.bias[r];
              SINTER_UNROLL
              for (int quad = 0; quad < kQuads; ++quad) {
                const __m512i words = x[i % kBlocks][i / kBlocks * kFirst + quad * kNext];
                acc[i] = _mm512_dpbusd_epi32(acc[i], words, with.weights[r][quad]);
              }
            }
            const __m512i bytes = requantize64<kBlocks>(brackets, acc[0], acc[1], acc[2], acc[3], columns, limits);
            const auto at = [&](int part) { return part / kBlocks * vector; };
            store<0>(bytes, y + r * below + channel[0], left, whole);
            store<1>(bytes, y + r * below + at(1) + channel[1 % kBlocks], left - at(1), whole);
            store<2>(bytes, y + r * below + at(2) + channel[2 % kBlocks], left - at(2), whole);
            store<3>(bytes, y + r * below + at(3) + channel[3 % kBlocks], left - at(3), whole);
          }
          y += kVectors * vector;
          left -= kVectors * vector;
          if (!kSlides) {
            place += kVectors * step;
            from += kVectors * step * pixel;
          }
          SINTER_UNROLL
          for (int c = 0; c < kKept; ++c) x[0][c] = x[0][c + kColumns - kKept];
        }
      }
    }
  }

  template <int kPart>
  void store(__m512i bytes, int8_t* y, ptrdiff_t left, bool whole) const {
    const __m128i part = _mm512_extracti32x4_epi32(bytes, kPart);
    if (__builtin_expect(whole, 1)) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(y), part);
    } else {
      const int32_t count = left < 0 ? 0 : left < lanes ? static_cast<int32_t>(left) : lanes;
      _mm_mask_storeu_epi8(y, static_cast<__mmask16>((1u << count) - 1), part);
    }
  }
};

template <int kStep, int kQuads, int kGap, int kAside>
static void run(const DepthwiseS8Params& p, void* const* operands, int32_t begin, int32_t end) {
  ColumnKernel<kStep, kQuads, kGap, kAside>(p, operands).run(begin, end);
}

// Output rows [begin, end) of windows five by five.
template <int kStride>
static void squares(const DepthwiseS8Params& p, void* const* operands, int32_t begin, int32_t end) {
  const auto vector = [&](int i, int32_t channel) { return static_cast<const int32_t*>(operands[i]) + channel; };
  const Int8Range512 range = int8_range512(p.out_zero, p.out_min, p.out_max);
  const int32_t channels = p.in_channels, padded = div_up(channels, kColumnLanes) * kColumnLanes;
  const ptrdiff_t line = ptrdiff_t{p.in[2]} * channels, below = ptrdiff_t{p.out[2]} * channels;
  for (int32_t first = 0; first < channels; first += by_block::kChannels) {
    const int32_t channel = channels - first < by_block::kChannels ? channels - by_block::kChannels : first;
    by_block::Squares5<kStride> block(vector(1, channel), ptrdiff_t{padded}, vector(2, channel), vector(3, channel),
                                      vector(4, channel), p.in_zero, range);
    const int8_t* input = static_cast<const int8_t*>(operands[0]) + channel;
    int8_t* output = static_cast<int8_t*>(operands[5]) + channel;
    for (int32_t index = begin, count; index < end; index += count) {
      const int32_t row = index % p.out[1], top = row * kStride - p.pad[1];
      const int8_t* plane = input + ptrdiff_t{index / p.out[1]} * p.in[1] * line;
      count = index + 1 < end && row + 1 < p.out[1] ? 2 : 1;
      for (int tap = 0; tap < block.kTaps; ++tap) {
        const int32_t h = top + tap;
        block.set_row(tap, h < 0 || h >= p.in[1] ? nullptr : plane + h * line, channels);
      }
      block.line(-p.pad[2], p.in[2], output + index * below, p.out[2], channels, count == 2 ? below : 0);
    }
  }
}

static Status depthwise(const void* params, void* const* operands, int32_t begin, int32_t end) {
  const DepthwiseS8Params& given = *static_cast<const DepthwiseS8Params*>(params);
  const DepthwiseS8Params p = lay_down(given);
  const Quads quads = tap_quads(p);
  if (is_square5(p)) {
    p.stride[2] == 1 ? squares<1>(p, operands, begin, end) : squares<2>(p, operands, begin, end);
    return kOk;
  }
  using Run = decltype(&run<1, 3, 1, 0>);
  constexpr Run kRows[] = {run<0, 3, 1, 0>, run<1, 3, 1, 0>, run<2, 3, 1, 0>};
  constexpr Run kAside[] = {run<1, 1, 4, 1>, run<1, 2, 4, 1>, run<1, 3, 4, 1>, run<1, 4, 4, 1>};
  const int32_t step = p.dilation[2] == 1 ? p.stride[2] * column_pixels(p) : 0;
  const Run chosen = quads.wide == 1 ? kRows[step <= 2 ? step : 0] : kAside[quads.across - 1];
  chosen(p, operands, begin * given.out[2], end * given.out[2]);
  return kOk;
}

}  // namespace by_column
}  // namespace
}  // namespace sinter
