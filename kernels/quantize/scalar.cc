#include "body.h"

namespace sinter {

extern "C" Status quantize__scalar(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  return quantize(params, operands, begin, end);
}

}  // namespace sinter
