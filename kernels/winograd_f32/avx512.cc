#include "../floats_avx512.h"
#include "body.h"

namespace sinter {
namespace {

struct Panels {
  static int32_t multiply(const Layer<8>& layer, int32_t rows, int32_t panel, int32_t end) {
    if (end - panel < 2) {
      multiply_rows<Floats16, 1, 8>(layer, rows, panel, 0);
      return 1;
    }
    multiply_rows<Floats16, 2, 8>(layer, rows, panel, ptrdiff_t{kFrequencies} * layer.p.in_channels * kNr);
    return 2;
  }
};

}  // namespace

extern "C" Status winograd_f32_8x32__avx512(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  return winograd<Floats16, Panels, 8>(params, operands, scratch, begin, end);
}

}  // namespace sinter
