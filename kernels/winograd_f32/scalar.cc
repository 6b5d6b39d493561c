#include "../clamp.h"
#include "winograd_f32.h"

namespace sinter {
namespace {

constexpr int32_t kNr = 16;

// A vector of one float.
struct Float {
  using Type = float;
  static float all(float x) { return x; }
  static float add(float a, float b) { return a + b; }
  static float subtract(float a, float b) { return a - b; }
  static float multiply(float a, float b) { return a * b; }
  static float multiply_add(float a, float b, float c) { return a * b + c; }
};

}  // namespace

extern "C" Status winograd_f32_1x16__scalar(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  const WinogradF32Params& p = *static_cast<const WinogradF32Params*>(params);
  const float* input = static_cast<const float*>(operands[0]);
  const float* weights = static_cast<const float*>(operands[1]);
  const float* bias = static_cast<const float*>(operands[2]);
  float* output = static_cast<float*>(operands[3]);
  const int32_t splits = winograd_splits(p, 1, kNr), panels = conv_panels(p, kNr);
  for (int32_t index = begin; index < end; ++index) {
    const WinogradTile tile = winograd_tile(p, index / splits);
    const int32_t last = splits == 1 ? panels : index % splits + 1;
    for (int32_t panel = splits == 1 ? 0 : index % splits; panel < last; ++panel) {
      const float* w = weights + ptrdiff_t{panel} * kFrequencies * p.in_channels * kNr;
      float products[kNr][kFrequencies] = {};
      for (int32_t c = 0; c < p.in_channels; ++c, w += kNr) {
        float d[kFrequencies], half[kFrequencies];
        for (int32_t i = 0; i < kInputTile; ++i) {
          for (int32_t j = 0; j < kInputTile; ++j) {
            const int32_t position = input_pixel(p, tile.batch, 0, tile.h + i - p.pad[1], tile.w + j - p.pad[2]);
            d[i * kInputTile + j] = position < 0 ? 0.0f : input[ptrdiff_t{position} * p.in_channels + c];
          }
        }
        for (int j = 0; j < kInputTile; ++j) Winograd<Float>::input(d + j, kInputTile, half + j, kInputTile);
        for (int i = 0; i < kInputTile; ++i) Winograd<Float>::input(half + i * kInputTile, 1, d + i * kInputTile, 1);
        for (int f = 0; f < kFrequencies; ++f) {
          const float* column = w + ptrdiff_t{f} * p.in_channels * kNr;
          for (int n = 0; n < kNr; ++n) products[n][f] += d[f] * column[n];
        }
      }
      const int32_t first = panel * kNr, columns = p.out_channels - first < kNr ? p.out_channels - first : kNr;
      for (int32_t n = 0; n < columns; ++n) {
        float half[kOutputTile * kInputTile], y[kOutputTile * kOutputTile];
        for (int j = 0; j < kInputTile; ++j) Winograd<Float>::output(products[n] + j, kInputTile, half + j, kInputTile);
        for (int i = 0; i < kOutputTile; ++i) Winograd<Float>::output(half + i * kInputTile, 1, y + i * kOutputTile, 1);
        for (int32_t i = 0; i < kOutputTile && tile.h + i < p.out[1]; ++i) {
          for (int32_t j = 0; j < kOutputTile && tile.w + j < p.out[2]; ++j) {
            const ptrdiff_t pixel = (ptrdiff_t{tile.batch} * p.out[1] + tile.h + i) * p.out[2] + tile.w + j;
            output[pixel * p.out_channels + first + n] = clamp(y[i * kOutputTile + j] + bias[first + n], p.low, p.high);
          }
        }
      }
    }
  }
  return kOk;
}

}  // namespace sinter
