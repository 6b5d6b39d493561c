#include "body.h"

namespace sinter {

extern "C" Status matmul_s8__scalar(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  return matmul_bytes(params, operands, begin, end);
}

}  // namespace sinter
