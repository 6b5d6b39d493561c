#include "rows_neon.h"

namespace sinter {
namespace {

struct Armv7Neon {
  static constexpr int32_t kWidth = 8;
  template <int kLane>
  static float32x4_t add_product(float32x4_t acc, float32x4_t w, float32x4_t x) {
    return vmlaq_lane_f32(acc, w, kLane < 2 ? vget_low_f32(x) : vget_high_f32(x), kLane % 2);
  }
};

}  // namespace

extern "C" Status conv_f32_4x16__armv7_neon(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  return float_rows<Armv7Neon>(params, operands, scratch, begin, end);
}

}  // namespace sinter
