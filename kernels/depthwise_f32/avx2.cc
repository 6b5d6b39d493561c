#include "../floats_avx2.h"
#include "body.h"

namespace sinter {

extern "C" Status depthwise_f32_4x16__avx2(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  return depthwise<Floats8, Floats8>(params, operands, begin, end);
}

}  // namespace sinter
