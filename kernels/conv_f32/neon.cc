#include "rows_neon.h"

namespace sinter {
namespace {

struct Neon {
  static constexpr int32_t kWidth = 16;
  template <int kLane>
  static float32x4_t add_product(float32x4_t acc, float32x4_t w, float32x4_t x) {
    return vfmaq_laneq_f32(acc, w, x, kLane);
  }
};

}  // namespace

extern "C" Status conv_f32_4x16__neon(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  return float_rows<Neon>(params, operands, scratch, begin, end);
}

}  // namespace sinter
