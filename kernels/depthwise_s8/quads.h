// The kernels of packing quads, for vectors of any width. Isa has
//   kLanes;
//   interleave(to, from, count): words of four lines, 32 at a time;
//   expand(to, weights): the weights of one quad of kLanes channels in the form that load_weights() reads;
//   Acc, load_acc(bias); Weights, load_weights(at); dot(acc, words, weights), dot_below: of the output row below;
//   Range, range(p); store_scale(at, columns, multiplier, shift, range);
//   requantize<kVectors>(at, columns, four accumulators, range), store<part>(bytes, y, count).
#pragma once

#include <immintrin.h>

#include "../requantize_bracket.h"
#include "../unroll.h"
#include "lines.h"

namespace sinter {

// Copies n bytes, each plus 128.
static inline void copy_offset(uint8_t* to, const int8_t* from, int32_t n) {
  const __m256i sign = _mm256_set1_epi8(-128);
  const auto copy32 = [&](int32_t i) {
    const __m256i x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + i));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i), _mm256_xor_si256(x, sign));
  };
  const auto copy16 = [&](int32_t i) {
    const __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i), _mm_xor_si128(x, _mm256_castsi256_si128(sign)));
  };
  const auto copy = [&](auto word, int32_t i) {
    __builtin_memcpy(&word, from + i, sizeof(word));
    word = static_cast<decltype(word)>(word ^ static_cast<decltype(word)>(0x8080808080808080u));
    __builtin_memcpy(to + i, &word, sizeof(word));
  };
  if (n >= 32) {
    for (int32_t i = 0; i < n - 32; i += 32) copy32(i);
    copy32(n - 32);
  } else if (n >= 16) {
    copy16(0);
    copy16(n - 16);
  } else if (n >= 8) {
    copy(uint64_t{}, 0);
    copy(uint64_t{}, n - 8);
  } else if (n >= 4) {
    copy(uint32_t{}, 0);
    copy(uint32_t{}, n - 4);
  } else {
    for (int32_t i = 0; i < n; ++i) copy(uint8_t{}, i);
  }
}

static inline void fill_bytes(uint8_t* to, uint8_t value, int64_t n) {
  const __m256i all = _mm256_set1_epi8(static_cast<char>(value));
  int64_t i = 0;
  for (; i + 32 <= n; i += 32) _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i), all);
  for (; i < n; ++i) to[i] = value;
}

// Copies n words, and these again and again up to `columns`.
static inline void copy_columns(int32_t* to, const int32_t* from, int32_t n, int32_t columns) {
  int32_t c = 0;
  for (; c + 8 <= n; c += 8) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + c), _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + c)));
  }
  for (; c < n; ++c) to[c] = from[c];
  for (; c < columns; ++c) to[c] = to[c - n];
}

// What is computed at once of each output row.
struct Segment {
  int32_t first_pixel, pixels;
  int32_t first_channel, channels, valid;  // channels: of a pixel in the lines, of which `valid` exist
};

template <class Isa>
class QuadKernel {
 public:
  QuadKernel(const DepthwiseS8Params& params, void* const* operands, void* scratch)
      : p(params),
        lines(plan_lines(params)),
        input(static_cast<const int8_t*>(operands[0])),
        weights(static_cast<const int32_t*>(operands[1])),
        bias(static_cast<const int32_t*>(operands[2])),
        multiplier(static_cast<const int32_t*>(operands[3])),
        shift(static_cast<const int32_t*>(operands[4])),
        output(static_cast<int8_t*>(operands[5])),
        range(Isa::range(params.out_zero, params.out_min, params.out_max)) {
    uint8_t* at = static_cast<uint8_t*>(scratch);
    for (int i = 0; i < kLineSlots; ++i, at += lines.line_bytes) line[i] = at;
    outside = at;
    tables = reinterpret_cast<int32_t*>(outside + lines.line_bytes);
    offsets = tables + static_cast<uint32_t>(lines.columns) * (lines.column_bytes / sizeof(int32_t));
    words = reinterpret_cast<uint8_t*>(offsets) + round_up(static_cast<uint32_t>(lines.count) * sizeof(int32_t), 64);
  }

  // Output rows [begin, end).
  void run(int32_t begin, int32_t end) {
    fill_bytes(outside, static_cast<uint8_t>(p.in_zero + 128), static_cast<int64_t>(lines.line_bytes));
    for (int32_t channel = 0; channel < p.out_channels; channel += lines.channels) {
      Segment segment;
      segment.first_channel = channel;
      segment.valid = p.out_channels - channel < lines.channels ? p.out_channels - channel : lines.channels;
      segment.channels = lines.channels % kBlock == 0 ? div_up(segment.valid, kBlock) * kBlock : segment.valid;
      load_tables(segment);
      for (int32_t pixel = 0; pixel < p.out[2]; pixel += lines.segment) {
        segment.first_pixel = pixel;
        segment.pixels = p.out[2] - pixel < lines.segment ? p.out[2] - pixel : lines.segment;
        rows(segment, begin, end);
      }
    }
  }

 private:
  const DepthwiseS8Params& p;
  const Lines lines;
  const int8_t* input;
  const int32_t *weights, *bias, *multiplier, *shift;
  int8_t* output;
  typename Isa::Range range;
  uint8_t *line[kLineSlots], *outside, *words;
  int32_t *tables, *offsets;
  int64_t held[kLineSlots];  // the input rows in the lines

  int32_t* table(int32_t vector) const { return tables + ptrdiff_t{vector} * lines.columns; }

  void load_tables(const Segment& segment) {
    const Quads& q = lines.quads;
    const int32_t columns = lines.columns, first = segment.first_channel, n = segment.channels;
    const int32_t end = n % kBlock == 0 ? n : columns;
    int32_t* const vectors[3] = {table(3), table(4), table(5)};
    copy_columns(vectors[0], bias + first, n, end);
    copy_columns(vectors[1], multiplier + first, n, end);
    copy_columns(vectors[2], shift + first, n, end);
    for (int32_t c = 0; c < end; c += Isa::kLanes) Isa::store_scale(table(0) + c, columns, vectors[1] + c, vectors[2] + c, range);
    const ptrdiff_t step = ptrdiff_t{div_up(p.out_channels, kBlock)} * kBlock, words_step = ptrdiff_t{columns} * kQuadVectors;
    int32_t* to = table(kColumnVectors);
    const ptrdiff_t pixel_bytes = ptrdiff_t{4} * n;
    for (int32_t down = 0, quad = 0; down < q.down; ++down) {
      for (int32_t across = 0; across < q.across; ++across, ++quad, to += words_step) {
        copy_columns(to, weights + quad * step + first, n, end);
        for (int32_t c = 0; c < end; c += Isa::kLanes) Isa::expand(to + c, columns);
        const int32_t position = across * q.wide * p.dilation[2], phase = position % p.stride[2];
        offsets[quad] = static_cast<int32_t>((down * lines.phases + phase) * static_cast<ptrdiff_t>(lines.words_bytes) +
                                             position / p.stride[2] * pixel_bytes);
      }
    }
  }

  // An input row as a line: elements plus 128, padded, in sub-lines.
  void fill_line(uint8_t* to, const int8_t* row, const Segment& segment) const {
    const int32_t stride = p.stride[2], channels = segment.channels, copies = p.out_channels / p.in_channels;
    const uint8_t pad = static_cast<uint8_t>(p.in_zero + 128);
    for (int32_t phase = 0; phase < stride; ++phase, to += ptrdiff_t{lines.pixels} * channels) {
      const int32_t w = segment.first_pixel * stride - p.pad[2] + phase;
      int32_t first = w >= 0 ? 0 : div_up(-w, stride), last = w >= p.in[2] ? 0 : div_up(p.in[2] - w, stride);
      if (first > lines.pixels) first = lines.pixels;
      if (last > lines.pixels) last = lines.pixels;
      if (last < first) last = first;
      fill_bytes(to, pad, int64_t{first} * channels);
      fill_bytes(to + ptrdiff_t{last} * channels, pad, int64_t{lines.pixels - last} * channels);
      const int8_t* from = row + (ptrdiff_t{w} + ptrdiff_t{first} * stride) * p.in_channels;
      uint8_t* at = to + ptrdiff_t{first} * channels;
      if (copies > 1) {
        for (int32_t j = first; j < last; ++j, from += ptrdiff_t{stride} * p.in_channels, at += channels) {
          int32_t source = segment.first_channel / copies, left = copies - segment.first_channel % copies;
          for (int32_t c = 0; c < segment.valid; ++c) {
            at[c] = static_cast<uint8_t>(from[source] + 128);
            if (--left == 0) ++source, left = copies;
          }
        }
      } else if (stride == 1 && channels == p.in_channels) {
        copy_offset(at, from, (last - first) * channels);
      } else {
        from += segment.first_channel;
        for (int32_t j = first; j < last; ++j, from += ptrdiff_t{stride} * p.in_channels, at += channels) {
          copy_offset(at, from, segment.valid);
        }
      }
    }
  }

  // The line of row v of a window.
  const uint8_t* window_line(const Pixel& pixel, int32_t v, const Segment& segment) {
    const int32_t kd = p.kernel[0] == 1 ? 0 : v / p.kernel[1], kh = v - kd * p.kernel[1];
    const int32_t d = pixel.origin[0] + kd * p.dilation[0], h = pixel.origin[1] + kh * p.dilation[1];
    if (d < 0 || d >= p.in[0] || h < 0 || h >= p.in[1]) return outside;
    const int64_t row = (int64_t{pixel.batch} * p.in[0] + d) * p.in[1] + h;
    const bool neighbours = p.kernel[0] == 1 && p.dilation[1] == 1;
    const int64_t slot = (neighbours ? row : v) % kLineSlots;
    if (!neighbours || held[slot] != row) {
      fill_line(line[slot], input + row * p.in[2] * p.in_channels, segment);
      held[slot] = row;
    }
    return line[slot];
  }

  // The words of `count` rows of a window.
  void interleave(const Pixel& pixel, int32_t count, const Segment& segment) {
    const Quads& q = lines.quads;
    const ptrdiff_t sub_line = ptrdiff_t{lines.pixels} * segment.channels;
    const int32_t elements = (segment.pixels + q.wide * (q.across - 1) * p.dilation[2] / p.stride[2]) * segment.channels;
    for (int32_t down = 0; down < q.down; ++down) {
      const uint8_t* row[4];
      for (int32_t i = 0; i < q.high; ++i) {
        const int32_t v = down * q.high + i;
        row[i] = v < count ? window_line(pixel, v, segment) : outside;
      }
      for (int32_t phase = 0; phase < lines.phases; ++phase) {
        const uint8_t* from[4];
        for (int32_t i = 0; i < 4; ++i) {
          const int32_t position = phase + i % q.wide * p.dilation[2];
          from[i] = row[i / q.wide] + position % p.stride[2] * sub_line + position / p.stride[2] * ptrdiff_t{segment.channels};
        }
        Isa::interleave(words + (down * lines.phases + phase) * static_cast<ptrdiff_t>(lines.words_bytes), from, elements);
      }
    }
  }

  // kRows output rows from the words, `below` bytes apart; kCount quads, or any number if 0.
  template <int kRows, int kCount>
  __attribute__((noinline)) void multiply(const Segment& segment, int8_t* y, ptrdiff_t below) const {
    constexpr int kVectors = 4 / kRows;
    const int32_t columns = lines.columns, channels = segment.channels, count = kCount == 0 ? lines.count : kCount;
    const int32_t total = segment.pixels * channels, step = Isa::kLanes % channels, skip = p.out_channels - channels;
    const bool partial = segment.valid < channels;
    const int32_t* const scale = table(0);
    const int32_t *const first = table(3), *const quads = table(kColumnVectors);
    const ptrdiff_t quad_step = ptrdiff_t{columns} * kQuadVectors;
    const uint8_t* from = words;
    int32_t column = 0;
    for (int32_t element = 0; element < total; element += kVectors * Isa::kLanes, from += kVectors * Isa::kLanes * 4) {
      int32_t at[kVectors], valid[kVectors];
      int8_t* to[kVectors];
      typename Isa::Acc acc[kRows][kVectors];
      const int32_t* scales[kVectors];
      SINTER_UNROLL
      for (int i = 0; i < kVectors; ++i) {
        at[i] = column;
        to[i] = y;
        valid[i] = partial ? segment.valid - column : total - element - i * Isa::kLanes;
        if (partial && element + i * Isa::kLanes >= total) valid[i] = 0;
        column += step;
        y += Isa::kLanes;
        if (channels <= Isa::kLanes || column >= channels) {
          if (column >= channels) column -= channels;
          y += skip;
        }
        scales[i] = scale + at[i];
        acc[0][i] = Isa::load_acc(first + at[i]);
        if (kRows == 2) acc[kRows - 1][i] = acc[0][i];
      }
      const int32_t* quad = quads;
      for (int32_t t = 0; t < count; ++t, quad += quad_step) {
        SINTER_UNROLL
        for (int i = 0; i < kVectors; ++i) {
          const auto x = Isa::load_words(from + offsets[t] + i * Isa::kLanes * 4);
          const auto w = Isa::load_weights(quad + at[i], columns);
          acc[0][i] = Isa::dot(acc[0][i], x, w);
          if (kRows == 2) acc[kRows - 1][i] = Isa::dot_below(acc[kRows - 1][i], x, w);
        }
      }
      const auto bytes = kRows == 2 ? Isa::template requantize<kVectors>(scales, columns, acc[0][0], acc[0][1], acc[kRows - 1][0],
                                                                         acc[kRows - 1][1], range)
                                    : Isa::template requantize<kVectors>(scales, columns, acc[0][0], acc[0][1],
                                                                         acc[0][kVectors - 2], acc[0][kVectors - 1], range);
      Isa::template store<0>(bytes, to[0], valid[0]);
      Isa::template store<1>(bytes, to[1], valid[1]);
      Isa::template store<2>(bytes, kRows == 2 ? to[0] + below : to[kVectors - 2], valid[kRows == 2 ? 0 : kVectors - 2]);
      Isa::template store<3>(bytes, kRows == 2 ? to[1] + below : to[kVectors - 1], valid[kRows == 2 ? 1 : kVectors - 1]);
    }
  }

  void rows(const Segment& segment, int32_t begin, int32_t end) {
    for (int64_t& row : held) row = -1;
    const int32_t window = p.kernel[0] * p.kernel[1];
    const ptrdiff_t below = ptrdiff_t{p.out[2]} * p.out_channels;
    Pixel pixel = locate(p, begin * p.out[2]);
    int32_t h = begin % p.out[1];
    for (int32_t index = begin; index < end;) {
      int8_t* y = output + index * below + ptrdiff_t{segment.first_pixel} * p.out_channels + segment.first_channel;
      const int32_t count = lines.in_pairs && index + 1 < end && h + 1 < p.out[1] ? 2 : 1;
      interleave(pixel, window + count - 1, segment);
      if (count == 2) {
        lines.count == 3 ? multiply<2, 3>(segment, y, below) : multiply<2, 0>(segment, y, below);
      } else {
        lines.count == 3 ? multiply<1, 3>(segment, y, below) : multiply<1, 0>(segment, y, below);
      }
      index += count;
      h += count;
      pixel.origin[1] += count * p.stride[1];
      if (h == p.out[1] && index < end) {
        h = 0;
        pixel = locate(p, index * p.out[2]);
      }
    }
  }
};

template <class Isa>
static inline Status depthwise_quads(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  QuadKernel<Isa>(*static_cast<const DepthwiseS8Params*>(params), operands, scratch).run(begin, end);
  return kOk;
}

}  // namespace sinter
