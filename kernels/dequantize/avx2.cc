#include "body.h"

namespace sinter {

extern "C" Status dequantize__avx2(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  return dequantize(params, operands, begin, end);
}

}  // namespace sinter
