#include "../floats_avx2.h"
#include "body.h"

namespace sinter {
namespace {

struct Panels {
  static int32_t multiply(const Layer<6>& layer, int32_t rows, int32_t panel, int32_t) {
    multiply_rows<Floats8, 2, 6>(layer, rows, panel, 8);
    return 1;
  }
};

}  // namespace

extern "C" Status winograd_f32_6x16__avx2(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  return winograd<Floats8, Panels, 6>(params, operands, scratch, begin, end);
}

}  // namespace sinter
