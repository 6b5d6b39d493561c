#include "body.h"

namespace sinter {

extern "C" Status binary_f32__avx2(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  return binary(params, operands, begin, end);
}

}  // namespace sinter
