#include "body.h"

namespace sinter {

extern "C" Status resample_s8__scalar(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  return resample_s8(params, operands, begin, end);
}

}  // namespace sinter
