#include "../floats_avx2.h"
#include "body.h"

namespace sinter {
namespace {

struct Panels {
  static constexpr int32_t kWide = 1;

  template <int kRows, int kMr>
  static void run(const Layer<kMr>& layer, const ConvTile& tile, int32_t first, int32_t count) {
    for (int32_t index = tile.panel; index < tile.panel + tile.panels; ++index) {
      if (layer.group_out - index * kNr > 8) {
        blocks<Floats8, kRows, 2>(layer, tile, first, count, index, 8);
      } else {
        blocks<Floats8, kRows, 1>(layer, tile, first, count, index, 8);
      }
    }
  }
};

}  // namespace

extern "C" Status conv_f32_6x16__avx2(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  return convolve<Floats8, Panels, 6>(params, operands, scratch, begin, end);
}

}  // namespace sinter
