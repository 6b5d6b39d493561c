#include "../math.h"
#include "grid_sample_f32.h"

namespace sinter {
namespace {

enum Mode : int32_t { kNearest, kLinear, kCubic };
enum Padding : int32_t { kZeros, kBorder, kReflection };

// Up to four neighbouring pixels of one axis and their weights; a weight of a pixel outside is 0.
struct Taps {
  int32_t count;
  int32_t index[4];
  float weight[4];
};

float reflect(float x, float low, float high) {
  const float range = high - low;
  if (range <= 0.0f) return low;
  const float from = x < low ? low - x : x - low;
  const float turns = floor(from / range);
  const float rest = from - turns * range;
  const bool even = turns - 2.0f * floor(turns * 0.5f) == 0.0f;
  return even ? low + rest : high - rest;
}

// Where a pixel of this index is read, or -1 for nowhere.
int32_t resolve(float index, int32_t extent, const GridSampleF32Params& p) {
  const float last = static_cast<float>(extent - 1);
  if (p.padding == kReflection) index = p.align_corners ? reflect(index, 0.0f, last) : reflect(index, -0.5f, last + 0.5f);
  if (p.padding == kZeros && !(index >= 0.0f && index <= last)) return -1;
  if (!(index >= 0.0f)) return 0;
  return index >= last ? extent - 1 : static_cast<int32_t>(index);
}

float cubic_weight(float distance) {
  const float a = -0.75f, d = distance < 0.0f ? -distance : distance;
  if (d <= 1.0f) return ((a + 2.0f) * d - (a + 3.0f)) * d * d + 1.0f;
  return d < 2.0f ? ((a * d - 5.0f * a) * d + 8.0f * a) * d - 4.0f * a : 0.0f;
}

Taps taps(float position, int32_t extent, const GridSampleF32Params& p) {
  const float n = static_cast<float>(extent);
  float x = p.align_corners ? (position + 1.0f) * 0.5f * (n - 1.0f) : ((position + 1.0f) * n - 1.0f) * 0.5f;
  if (!(x > -1e9f && x < 1e9f)) x = -1.0f;
  if (p.mode != kCubic) {
    if (p.padding == kBorder) x = x < 0.0f ? 0.0f : (x > n - 1.0f ? n - 1.0f : x);
    if (p.padding == kReflection) x = p.align_corners ? reflect(x, 0.0f, n - 1.0f) : reflect(x, -0.5f, n - 0.5f);
  }
  Taps result;
  const float base = p.mode == kNearest ? round_half_even(x) : floor(x);
  result.count = p.mode == kNearest ? 1 : (p.mode == kLinear ? 2 : 4);
  for (int32_t i = 0; i < result.count; ++i) {
    const float index = base + static_cast<float>(p.mode == kCubic ? i - 1 : i);
    const float distance = x - index;
    const float weight =
        p.mode == kNearest ? 1.0f : (p.mode == kLinear ? 1.0f - (distance < 0.0f ? -distance : distance) : cubic_weight(distance));
    const int32_t at = resolve(index, extent, p);
    result.index[i] = at < 0 ? 0 : at;
    result.weight[i] = at < 0 ? 0.0f : weight;
  }
  return result;
}

}  // namespace

extern "C" Status grid_sample_f32__scalar(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  const GridSampleF32Params& p = *static_cast<const GridSampleF32Params*>(params);
  const float* input = static_cast<const float*>(operands[0]);
  const float* grid = static_cast<const float*>(operands[1]);
  float* output = static_cast<float*>(operands[2]);
  for (int32_t row = begin; row < end; ++row) {
    const float* image = input + ptrdiff_t{row / p.height} * p.in_height * p.in_width * p.channels;
    for (int32_t w = 0; w < p.width; ++w) {
      const ptrdiff_t pixel = ptrdiff_t{row} * p.width + w;
      const Taps across = taps(grid[pixel * 2], p.in_width, p), down = taps(grid[pixel * 2 + 1], p.in_height, p);
      float* y = output + pixel * p.channels;
      for (int32_t c = 0; c < p.channels; ++c) {
        float sum = 0.0f;
        for (int32_t i = 0; i < down.count; ++i) {
          const float* line = image + ptrdiff_t{down.index[i]} * p.in_width * p.channels + c;
          float partial = 0.0f;
          for (int32_t j = 0; j < across.count; ++j) {
            if (across.weight[j] != 0.0f) partial += across.weight[j] * line[ptrdiff_t{across.index[j]} * p.channels];
          }
          if (down.weight[i] != 0.0f) sum += down.weight[i] * partial;
        }
        y[c] = sum;
      }
    }
  }
  return kOk;
}

}  // namespace sinter
