#include "../floats_avx512.h"
#include "body.h"

namespace sinter {
namespace {

struct Panels {
  static constexpr int32_t kWide = 2;

  template <int kRows, int kMr>
  static void run(const Layer<kMr>& layer, const ConvTile& tile, int32_t first, int32_t count) {
    const int32_t end = tile.panel + tile.panels;
    for (int32_t index = tile.panel; index < end;) {
      if constexpr (kRows == 1) {
        if (end - index >= 4) {
          blocks<Floats16, kRows, 4>(layer, tile, first, count, index, ptrdiff_t{layer.depth} * kNr);
          index += 4;
          continue;
        }
      }
      if (end - index >= 2) {
        blocks<Floats16, kRows, 2>(layer, tile, first, count, index, ptrdiff_t{layer.depth} * kNr);
        index += 2;
        continue;
      }
      if (layer.group_out - index * kNr > 8) {
        blocks<Floats16, kRows, 1>(layer, tile, first, count, index, 0);
      } else {
        blocks<HalfFloats16, kRows, 1>(layer, tile, first, count, index, 0);
      }
      ++index;
    }
  }
};

}  // namespace

extern "C" Status conv_f32_12x32__avx512(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  return convolve<Floats16, Panels, 12>(params, operands, scratch, begin, end);
}

}  // namespace sinter
