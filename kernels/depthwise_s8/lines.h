// How kernels of packing quads work: rows of the input become lines in scratch, in which an output row is a vector of its own.
//
// A line is a row of the input with its padding, each element plus 128, split by w % stride into sub-lines: there the inputs of
// neighbouring outputs under one tap are neighbours, under any stride. The four lines that a quad of taps reads are interleaved to
// words of four bytes, so that one word holds what one output channel multiplies with one word of weights. All pixels and channels
// of an output row are one sequence then, and vectors are full however few channels there are.
//
// Rows too long for the first cache go in segments of pixels, or of channels.
#pragma once

#include "depthwise_s8.h"

namespace sinter {

struct Lines {
  Quads quads;
  int32_t count;     // of quads
  int32_t phases;    // interleaved lines for each row of quads
  int32_t channels;  // at once: all, or a multiple of 16
  int32_t segment;   // output pixels at once
  int32_t pixels;    // of a sub-line
  int32_t columns;   // of the tables of constants
  bool in_pairs;     // whether one interleaved line serves two output rows
  uint64_t line_bytes, words_bytes, column_bytes;
};

constexpr int32_t kLineSlots = 4, kBlock = 16;
constexpr int32_t kWordsBudget = 12 << 10;  // bytes of interleaved lines
constexpr uint64_t kLineSlack = 64, kWordsSlack = 512;
constexpr int kColumnVectors = 6;  // above, below, nudge, bias, multiplier, shift
constexpr int kQuadVectors = 2;    // of weights, for each quad; some instruction sets need one alone

static inline Lines plan_lines(const DepthwiseS8Params& p) {
  Lines l;
  l.quads = tap_quads(p);
  const Quads& q = l.quads;
  const int32_t stride = p.stride[2], channels = p.out_channels;
  l.count = q.down * q.across;
  l.phases = q.across == 1 || q.wide * p.dilation[2] % stride == 0 ? 1 : stride;
  const int64_t reach = int64_t{q.across * q.wide - 1} * p.dilation[2] / stride + 1;
  const int64_t words = kWordsBudget / (4 * int64_t{q.down} * l.phases), least = channels < kBlock ? channels : kBlock;
  const int64_t segment = words / least - reach;
  l.segment = static_cast<int32_t>(segment < 1 ? 1 : segment < p.out[2] ? segment : p.out[2]);
  l.pixels = static_cast<int32_t>(l.segment + reach);
  const int64_t fit = words / l.pixels / kBlock * kBlock;
  l.channels = fit >= channels || channels < kBlock ? channels : fit < kBlock ? kBlock : static_cast<int32_t>(fit);
  const bool whole = l.channels % kBlock == 0;
  l.columns = whole ? l.channels : div_up(l.channels + kBlock - 1, kBlock) * kBlock;
  l.in_pairs = q.wide == 1 && p.kernel[0] == 1 && p.kernel[1] < 4 && p.stride[1] == 1 && p.dilation[1] == 1;
  const uint64_t elements = uint64_t{static_cast<uint32_t>(l.pixels)} * static_cast<uint32_t>(l.channels);
  l.line_bytes = round_up(elements * static_cast<uint32_t>(stride) + kLineSlack, 64);
  l.words_bytes = round_up(elements * 4, 64);
  l.column_bytes = 4 * (kColumnVectors + kQuadVectors * uint64_t{static_cast<uint32_t>(l.count)});
  return l;
}

// Lines, one for what lies outside, interleaved lines, tables of constants, and the offset of each quad's words.
static inline uint64_t lines_scratch(const DepthwiseS8Params& p) {
  const Lines l = plan_lines(p);
  return (kLineSlots + 1) * l.line_bytes + uint64_t{static_cast<uint32_t>(l.quads.down * l.phases)} * l.words_bytes + kWordsSlack +
         static_cast<uint32_t>(l.columns) * l.column_bytes + round_up(static_cast<uint32_t>(l.count) * sizeof(int32_t), 64);
}

}  // namespace sinter
