// Where the windows of a tile's pixels lie, for kernels that read int8 activations in place: K in runs of consecutive bytes, an
// address for each pixel and run. A run is a line of the window, kernel[2] taps by the group's channels, or one tap where lines
// hang over an edge of the input; outside the input, it is a run of in_zero. Lines that are no whole groups of 4 bytes are copied
// where they hang over an edge or lie scattered, or where the last group would reach behind the input.
#pragma once

#include "conv_s8.h"

namespace sinter {

// The runs of pixels side by side: address[run * kLinePixels + pixel].
struct LineTable {
  const int8_t* const* address;
  int32_t runs, bytes;  // bytes: of one run, in whole groups of 4
};

class LineReader {
 public:
  LineReader(const ConvS8Params& p, const int8_t* input, void* scratch)
      : p_(p), input_(input), end_(input + input_count(p)), group_in_(p.in_channels / p.groups), sizes_(line_sizes(p)) {
    int8_t* at = static_cast<int8_t*>(scratch);
    table_ = reinterpret_cast<const int8_t**>(at);
    outside_ = at + sizes_.table;
    copies_ = outside_ + sizes_.outside;
    contiguous_ = p.kernel[2] == 1 || (p.groups == 1 && p.dilation[2] == 1);
    pointwise_ = taps(p) == 1;
    for (int i = 0; i < 3; ++i) pointwise_ = pointwise_ && p.stride[i] == 1 && p.pad[i] == 0 && p.in[i] == p.out[i];
    if (!pointwise_) __builtin_memset(outside_, p.in_zero, static_cast<size_t>(sizes_.line));
  }

  // The runs of so many pixels, at most kLinePixels, from one on.
  LineTable find(int32_t pixel, int32_t pixels, int32_t group) {
    const ptrdiff_t offset = ptrdiff_t{group} * group_in_;
    if (pointwise_) return find_pointwise(input_ + ptrdiff_t{pixel} * p_.in_channels + offset, pixels);
    const int32_t reach = (p_.kernel[2] - 1) * p_.dilation[2];
    Pixel at[kLinePixels];
    bool whole = true;
    PixelWalk walk = walk_from(p_, pixel);
    for (int32_t i = 0; i < pixels; ++i, next(p_, walk)) {
      at[i] = walk.pixel;
      whole = whole && at[i].origin[2] >= 0 && at[i].origin[2] + reach < p_.in[2];
    }
    if (sizes_.copies != 0) return find_copied(at, pixels, offset, whole);
    if (whole && contiguous_) return find_whole(at, pixels, offset, 1, sizes_.line);
    return find_whole(at, pixels, offset, p_.kernel[2], group_in_);
  }

 private:
  LineTable find_pointwise(const int8_t* x, int32_t pixels) {
    for (int32_t i = 0; i < pixels; ++i) table_[i] = x + ptrdiff_t{i} * p_.in_channels;
    for (int32_t i = pixels; i-- > 0 && end_ - table_[i] < sizes_.line;) {
      int8_t* copy = copies_ + i * sizes_.line;
      for (int32_t c = 0; c < group_in_; ++c) copy[c] = table_[i][c];
      table_[i] = copy;
    }
    return {table_, 1, sizes_.line};
  }

  // `width` runs a line.
  LineTable find_whole(const Pixel* at, int32_t pixels, ptrdiff_t offset, int32_t width, int32_t bytes) {
    const int8_t** table = table_;
    for (int32_t kd = 0; kd < p_.kernel[0]; ++kd) {
      for (int32_t kh = 0; kh < p_.kernel[1]; ++kh) {
        for (int32_t kw = 0; kw < width; ++kw, table += kLinePixels) {
          for (int32_t i = 0; i < pixels; ++i) {
            const int32_t d = at[i].origin[0] + kd * p_.dilation[0], h = at[i].origin[1] + kh * p_.dilation[1];
            const int32_t position = input_pixel(p_, at[i].batch, d, h, at[i].origin[2] + kw * p_.dilation[2]);
            table[i] = position < 0 ? outside_ : input_ + ptrdiff_t{position} * p_.in_channels + offset;
          }
        }
      }
    }
    return {table_, p_.kernel[0] * p_.kernel[1] * width, bytes};
  }

  LineTable find_copied(const Pixel* at, int32_t pixels, ptrdiff_t offset, bool whole) {
    const int8_t** table = table_;
    int8_t* copy = copies_;
    for (int32_t kd = 0; kd < p_.kernel[0]; ++kd) {
      for (int32_t kh = 0; kh < p_.kernel[1]; ++kh, table += kLinePixels) {
        for (int32_t i = 0; i < pixels; ++i, copy += sizes_.line) {
          const int32_t d = at[i].origin[0] + kd * p_.dilation[0], h = at[i].origin[1] + kh * p_.dilation[1];
          const int32_t w = at[i].origin[2];
          if (d < 0 || d >= p_.in[0] || h < 0 || h >= p_.in[1]) {
            table[i] = outside_;
            continue;
          }
          const int8_t* line = input_ + ptrdiff_t{input_pixel(p_, at[i].batch, d, h, 0)} * p_.in_channels + offset;
          const int8_t* x = line + ptrdiff_t{w} * p_.in_channels;
          if (contiguous_ && whole && end_ - x >= sizes_.line) {
            table[i] = x;
            continue;
          }
          table[i] = copy;
          int8_t* to = copy;
          for (int32_t kw = 0; kw < p_.kernel[2]; ++kw, to += group_in_) {
            const int32_t column = w + kw * p_.dilation[2];
            const bool inside = column >= 0 && column < p_.in[2];
            const int8_t* tap = inside ? line + ptrdiff_t{column} * p_.in_channels : outside_;
            for (int32_t c = 0; c < group_in_; ++c) to[c] = tap[c];
          }
        }
      }
    }
    return {table_, p_.kernel[0] * p_.kernel[1], sizes_.line};
  }

  const ConvS8Params& p_;
  const int8_t* const input_;
  const int8_t* const end_;
  const int32_t group_in_;
  const LineSizes sizes_;
  bool contiguous_, pointwise_;
  const int8_t** table_;
  int8_t *outside_, *copies_;
};

}  // namespace sinter
