#include "resample_s8.h"

namespace sinter {

Status resample_s8_check(const Kernel&, const void* params, const Extent* operands, size_t count) {
  return resample_check<int8_t, int32_t>(*static_cast<const ResampleS8Params*>(params), operands, count);
}

int32_t resample_s8_tiles(const Kernel&, const void* params) {
  const ResampleS8Params& p = *static_cast<const ResampleS8Params*>(params);
  return p.outer * p.height;
}

size_t resample_s8_scratch(const Kernel&, const void*) { return 0; }

}  // namespace sinter
