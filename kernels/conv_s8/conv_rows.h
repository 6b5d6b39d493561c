// Where kernels that multiply int8 rows find K: in segments, each contiguous in memory for every pixel of a tile. Scratch holds a
// table of them for each block of mr pixels, several of which are prepared at once, then what they may point to, and, for kernels
// that multiply two rows at once (kr = 8), copies of the rows, two and two side by side: [K / 8][mr / 2][2][8].
#pragma once

#include "conv_s8.h"

namespace sinter {

enum class RowSource {
  kTaps,      // a segment is up to kChunk channels of one tap
  kLines,     // a segment is one line of the window; those that hang over an edge are gathered
  kGathered,  // all is gathered
};

// The rows of a tile over so much of K.
template <int kMr>
struct RowSegment {
  const int8_t* rows[kMr];
  int32_t depth;
};

struct RowPlan {
  RowSource source;
  int32_t segments;                             // of K
  int32_t block;                                // segments that scratch holds at once
  int32_t chunks;                               // segments of one tap, or of all of K where it is gathered
  int32_t depth, last;                          // of a segment, and of the last of `chunks`
  int32_t outside;                              // bytes of in_zero that stand for a segment outside the input
  int32_t row;                                  // bytes of one gathered row
  int32_t pairs;                                // bytes of one row among pairs
  int32_t blocks;                               // of mr rows that are prepared at once
  size_t bytes, outside_at, rows_at, pairs_at;  // of scratch
};

// What one block may take, and its table; kRowSlack: bytes are copied so many at a time, past their end.
constexpr int32_t kRowScratch = 8192 - 64, kRowTable = 2048, kChunk = 512, kRowSlack = 16;
// Rows that are prepared at once. Kernels that read more than two bytes of K at a time run on processors with first-level caches of
// 32 KB and more, and have so much scratch; for pairs of rows more of it.
constexpr int32_t kRowsAtOnce = 32, kWideScratch = 32 << 10, kPairScratch = 52 << 10;

static constexpr bool pairs_rows(int32_t kr) { return kr == 8; }

static inline RowPlan row_plan(const ConvS8Params& p, int32_t mr, int32_t kr) {
  const int32_t channels = p.in_channels / p.groups, depth = div_up(conv_depth(p), kr) * kr, run = p.kernel[2] * p.in_channels;
  const int32_t entry = (mr + 1) * static_cast<int32_t>(sizeof(void*)), limit = kRowTable / entry;
  const int32_t room = (kRowScratch - kRowTable) / mr / 16 * 16 - kRowSlack;
  const auto plan = [&](RowSource source, int32_t segments, int32_t block, int32_t chunks, int32_t length, int32_t last,
                        int32_t outside, int32_t row) {
    const int32_t held = block * length < depth ? block * length : depth, pairs = pairs_rows(kr) ? held : 0;
    const int32_t around = static_cast<int32_t>(round_up(static_cast<uint64_t>(outside), 16)) + 64;
    const int32_t room_at_once = (kr > 2 ? kWideScratch : kRowScratch) - around;
    int32_t blocks = 1;
    while (block >= segments && p.groups == 1 && blocks * mr < kRowsAtOnce && blocks * mr < output_pixels(p) &&
           (blocks + 1) * (block * entry + row * mr) <= room_at_once) {
      ++blocks;
    }
    const size_t outside_at = static_cast<size_t>(round_up(static_cast<uint64_t>(blocks * block * entry), 64));
    const size_t rows_at = outside_at + static_cast<size_t>(around - 64);
    const size_t pairs_at = rows_at + static_cast<size_t>(blocks * row * mr);
    const size_t bytes = pairs_at + static_cast<size_t>(pairs * mr);
    return RowPlan{source, segments, block,  chunks, length,     last,    outside,
                   row,    pairs,    blocks, bytes,  outside_at, rows_at, pairs_at};
  };
  // The rows of a matrix are read where they lie even where they end within a group of kr, as far as the next pixel, times zero.
  // The last pixel is copied to where in_zero is else.
  const bool short_of = channels % kr != 0;
  if (short_of ? is_matrix(p) && channels >= kr && depth <= kRowScratch / 2 : (taps(p) == 1 || channels >= 64 || depth > room)) {
    const int32_t chunks = div_up(channels, kChunk), segments = taps(p) * chunks, length = channels < kChunk ? channels : kChunk;
    int32_t block = segments < limit ? segments : limit;
    if (pairs_rows(kr) && kPairScratch / mr / length < block) block = kPairScratch / mr / length;
    const int32_t whole = short_of ? depth : channels, last = whole - (chunks - 1) * kChunk;
    return plan(RowSource::kTaps, segments, block, chunks, chunks == 1 ? last : length, last, short_of ? depth : length, 0);
  }
  const bool lines = p.groups == 1 && p.dilation[2] == 1 && p.kernel[0] == 1 && run % kr == 0;
  if (lines && depth <= room && depth + div_up(run, mr) <= room && p.kernel[1] <= limit) {
    return plan(RowSource::kLines, p.kernel[1], p.kernel[1], 1, run, run, run, depth + kRowSlack);
  }
  const int32_t length = depth < room ? depth : room, segments = div_up(depth, length);
  const int32_t row = static_cast<int32_t>(round_up(static_cast<uint64_t>(length), 16)) + kRowSlack;
  return plan(RowSource::kGathered, segments, 1, segments, length, depth - (segments - 1) * length, 0, row);
}

}  // namespace sinter
