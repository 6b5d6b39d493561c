// Convolution of float rows of K in segments (conv_f32.h), for both Arm architectures. Isa is a type that no other source file has:
//
//   Isa::kWidth                      columns of a tile
//   Isa::add_product<lane>(acc, w, x)   acc + w * x[lane]
#pragma once

#include <arm_neon.h>

#include "../unroll.h"
#include "conv_f32.h"

namespace sinter {

template <class Isa>
class FloatRows {
 public:
  static constexpr int32_t kMr = 4, kNr = 16;

  FloatRows(const ConvF32Params& p, void* const* operands, void* scratch)
      : p_(p),
        plan_(conv_segments(p, true)),
        input_(static_cast<const float*>(operands[0])),
        weights_(static_cast<const float*>(operands[1])),
        bias_(static_cast<const float*>(operands[2])),
        output_(static_cast<float*>(operands[3])),
        table_(static_cast<const float**>(scratch)),
        floats_(reinterpret_cast<float*>(table_ + ptrdiff_t{plan_.block} * kMr)),
        panels_(conv_panels(p, kNr)),
        depth_(conv_depth(p)),
        group_in_(p.in_channels / p.groups),
        group_out_(p.out_channels / p.groups),
        whole_(plan_.count <= plan_.block) {
    for (int32_t i = 0; !plan_.gathered && i < plan_.floats; ++i) floats_[i] = 0.0f;
  }

  void run(int32_t begin, int32_t end) const {
    // More weights than this stay in no cache between tiles: then each panel passes over all tiles in turn.
    constexpr int64_t kResident = 1 << 18;
    if (begin >= end) return;
    const int32_t splits = conv_splits(p_, kMr, kNr), pixels = output_pixels(p_);
    const ConvTile first = conv_tile(p_, kMr, kNr, begin);
    const bool by_panel = splits == 1 && (!whole_ || int64_t{panels_} * kNr * depth_ * 4 > kResident);
    for (int32_t column = 0; column < (by_panel ? panels_ : 1); ++column) {
      ConvTile tile = first;
      for (int32_t index = begin; index < end; ++index, next(p_, kMr, splits, pixels, tile)) {
        if (by_panel) tile.panel = column, tile.panels = 1;
        if (whole_ && (by_panel || index == begin || tile.panel == 0)) prepare(tile, 0);
        for (int32_t panel = tile.panel; panel < tile.panel + tile.panels; ++panel) multiply<kMr>(tile, panel, 0);
      }
    }
  }

 private:
  // Rows from `first` of the tile on, by one panel.
  template <int kRows>
  void multiply(const ConvTile& tile, int32_t panel, int32_t first) const {
    for (; tile.pixels - first >= kRows; first += kRows) {
      const int32_t columns = group_out_ - panel * kNr;
      for (int32_t column = 0; column < kNr && column < columns;) {
        if (Isa::kWidth > 8 && columns - column > 8) {
          block<kRows, Isa::kWidth>(tile, first, panel, column);
          column += Isa::kWidth;
        } else {
          block<kRows, 8>(tile, first, panel, column);
          column += 8;
        }
      }
    }
    if constexpr (kRows > 1) multiply<kRows / 2>(tile, panel, first);
  }

  template <int kRows, int kWidth>
  void block(const ConvTile& tile, int32_t row, int32_t panel, int32_t column) const {
    constexpr int kVectors = kWidth / 4;
    const ptrdiff_t at = (ptrdiff_t{tile.group} * panels_ + panel) * kNr;
    const float* w = weights_ + at * depth_ + column;
    float32x4_t acc[kRows][kVectors];
    SINTER_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      SINTER_UNROLL
      for (int i = 0; i < kRows; ++i) acc[i][v] = vld1q_f32(bias_ + at + column + v * 4);
    }
    for (int32_t begin = 0; begin < plan_.count; begin += plan_.block) {
      if (!whole_) prepare(tile, begin);
      const int32_t end = plan_.count - begin < plan_.block ? plan_.count : begin + plan_.block;
      for (int32_t s = begin; s < end; ++s) {
        const int32_t depth = plan_.chunks == 1 || (s + 1) % plan_.chunks == 0 ? plan_.last_depth : kSegmentDepth;
        segment<kRows, kVectors>(table_ + (s - begin) * kMr + row, w, depth, acc);
        w += ptrdiff_t{depth} * kNr;
      }
    }
    const float32x4_t low = vdupq_n_f32(p_.low), high = vdupq_n_f32(p_.high);
    const int32_t first = panel * kNr + column, columns = group_out_ - first;
    float* y = output_ + ptrdiff_t{tile.pixel + row} * p_.out_channels + tile.group * group_out_ + first;
    SINTER_UNROLL
    for (int i = 0; i < kRows; ++i, y += p_.out_channels) {
      SINTER_UNROLL
      for (int v = 0; v < kVectors; ++v) store_first(y + v * 4, vminq_f32(vmaxq_f32(acc[i][v], low), high), columns - v * 4);
    }
  }

  template <int kRows, int kVectors>
  static __attribute__((always_inline)) void segment(const float* const* rows, const float* w, int32_t depth,
                                                     float32x4_t (&acc)[kRows][kVectors]) {
    const float* x[kRows];
    SINTER_UNROLL
    for (int i = 0; i < kRows; ++i) x[i] = rows[i];
    ptrdiff_t k = 0;
    for (; k + 4 <= depth; k += 4, w += 4 * kNr) {
      float32x4_t a[kRows];
      SINTER_UNROLL
      for (int i = 0; i < kRows; ++i) a[i] = vld1q_f32(x[i] + k);
      add<0, kRows, kVectors>(w, a, acc);
      add<1, kRows, kVectors>(w + kNr, a, acc);
      add<2, kRows, kVectors>(w + 2 * kNr, a, acc);
      add<3, kRows, kVectors>(w + 3 * kNr, a, acc);
    }
    for (; k < depth; ++k, w += kNr) {
      float32x4_t a[kRows];
      SINTER_UNROLL
      for (int i = 0; i < kRows; ++i) a[i] = vdupq_n_f32(x[i][k]);
      add<0, kRows, kVectors>(w, a, acc);
    }
  }

  // The products of one of K.
  template <int kLane, int kRows, int kVectors>
  static __attribute__((always_inline)) void add(const float* w, const float32x4_t (&a)[kRows],
                                                 float32x4_t (&acc)[kRows][kVectors]) {
    SINTER_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      const float32x4_t weights = vld1q_f32(w + v * 4);
      SINTER_UNROLL
      for (int i = 0; i < kRows; ++i) acc[i][v] = Isa::template add_product<kLane>(acc[i][v], weights, a[i]);
    }
  }

  static void store_first(float* y, float32x4_t values, int32_t n) {
    if (n >= 4) return vst1q_f32(y, values);
    if (n > 0) vst1q_lane_f32(y, values, 0);
    if (n > 1) vst1q_lane_f32(y + 1, values, 1);
    if (n > 2) vst1q_lane_f32(y + 2, values, 2);
  }

  // Fills the table for a tile, segments from `begin` on.
  void prepare(const ConvTile& tile, int32_t begin) const {
    PixelWalk walk = walk_from(p_, tile.pixel);
    for (int32_t row = 0;; next(p_, walk)) {
      if (plan_.gathered) {
        float* to = floats_ + row * depth_;
        table_[row] = to;
        visit_taps(p_, walk.pixel, [&](int32_t, int32_t position) {
          const float* x = position < 0 ? nullptr : input_ + ptrdiff_t{position} * p_.in_channels + tile.group * group_in_;
          for (int32_t c = 0; c < group_in_; ++c) *to++ = x == nullptr ? 0.0f : x[c];
        });
      } else {
        point(walk.pixel, tile.group, begin, table_ + row);
      }
      if (++row == tile.pixels) return;
    }
  }

  // One row of the table: the segments from `begin` on, of channels of one tap.
  void point(const Pixel& pixel, int32_t group, int32_t begin, const float** table) const {
    int32_t s = 0;
    visit_taps(p_, pixel, [&](int32_t, int32_t position) {
      const float* x = position < 0 ? nullptr : input_ + ptrdiff_t{position} * p_.in_channels + group * group_in_;
      for (int32_t chunk = 0; chunk < plan_.chunks; ++chunk, ++s) {
        if (s < begin || s >= begin + plan_.block) continue;
        table[(s - begin) * kMr] = x == nullptr ? floats_ : x + chunk * kSegmentDepth;
      }
    });
  }

  const ConvF32Params& p_;
  const ConvSegments plan_;
  const float *const input_, *const weights_, *const bias_;
  float* const output_;
  const float** const table_;
  float* const floats_;  // zeros, or rows gathered
  const int32_t panels_, depth_, group_in_, group_out_;
  const bool whole_;  // the table holds all segments of a tile
};

template <class Isa>
static Status float_rows(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  FloatRows<Isa>(*static_cast<const ConvF32Params*>(params), operands, scratch).run(begin, end);
  return kOk;
}

}  // namespace sinter
