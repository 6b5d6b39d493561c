#include "../floats_avx512.h"
#include "body.h"

namespace sinter {

extern "C" Status depthwise_f32_4x16__avx512(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  return depthwise<Floats16, HalfFloats16>(params, operands, begin, end);
}

}  // namespace sinter
