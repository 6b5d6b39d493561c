#include "body.h"

namespace sinter {

extern "C" Status normalize_f32__scalar(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  return normalize(params, operands, begin, end);
}

}  // namespace sinter
