#include "../floats_neon.h"
#include "body.h"

namespace sinter {

extern "C" Status depthwise_f32_4x16__armv7_neon(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  return depthwise<Floats4, Floats4>(params, operands, begin, end);
}

}  // namespace sinter
