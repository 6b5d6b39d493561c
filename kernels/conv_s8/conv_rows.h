// Where kernels that multiply int8 rows find K: in segments, each contiguous in memory for every pixel of a tile. Scratch holds a
// table [segment][mr] of their addresses, then what they may point to: rows gathered, or one segment of in_zero.
#pragma once

#include "conv_s8.h"

namespace sinter {

enum class RowSource {
  kTaps,      // a segment is up to kChunk channels of one tap; taps outside the input read in_zero from scratch
  kLines,     // a segment is one line of the window; pixels whose window hangs over an edge are gathered
  kGathered,  // `block` of K is gathered at a time
};

struct RowPlan {
  RowSource source;
  int32_t segments;     // of K
  int32_t block;        // segments that the table holds at once; kGathered: the part of K that a row holds
  int32_t chunks;       // segments of one tap
  int32_t depth, last;  // of a segment, and of the last one of a tap
  int32_t row;          // bytes of one gathered row, or of the segment of in_zero
  size_t table, bytes;  // of scratch
};

// kRowSlack: short lines are copied so many bytes at a time, past the end of a row.
constexpr int32_t kRowScratch = 8192 - 16, kRowTable = 2048, kChunk = 512, kRowSlack = 16;

static inline RowPlan row_plan(const ConvS8Params& p, int32_t mr, int32_t kr) {
  const int32_t channels = p.in_channels / p.groups, depth = div_up(conv_depth(p), kr) * kr, run = p.kernel[2] * p.in_channels;
  const size_t entry = static_cast<size_t>(mr) * sizeof(void*);
  const int32_t limit = kRowTable / static_cast<int32_t>(entry), room = (kRowScratch - kRowTable) / mr / 16 * 16;
  const auto plan = [&](RowSource source, int32_t segments, int32_t block, int32_t chunks, int32_t length, int32_t last,
                        int32_t row, int32_t rows) {
    const size_t table = static_cast<size_t>(round_up(static_cast<size_t>(source == RowSource::kGathered ? 1 : block) * entry, 64));
    return RowPlan{source, segments, block,
                   chunks, length,   last,
                   row,    table,    table + static_cast<size_t>(row) * static_cast<size_t>(rows) + kRowSlack};
  };
  if (channels % kr == 0 && (taps(p) == 1 || channels >= 64 || depth > room)) {
    const int32_t chunks = div_up(channels, kChunk), segments = taps(p) * chunks, length = channels < kChunk ? channels : kChunk;
    return plan(RowSource::kTaps, segments, segments < limit ? segments : limit, chunks, length, channels - (chunks - 1) * kChunk,
                length, 1);
  }
  const bool lines = p.groups == 1 && p.dilation[2] == 1 && p.kernel[0] == 1 && run % kr == 0;
  if (lines && depth <= room && p.kernel[1] <= limit) {
    return plan(RowSource::kLines, p.kernel[1], p.kernel[1], 1, run, run, depth, mr);
  }
  const int32_t block = depth < room ? depth : room;
  return plan(RowSource::kGathered, 1, block, 1, depth, depth, block, mr);
}

}  // namespace sinter
