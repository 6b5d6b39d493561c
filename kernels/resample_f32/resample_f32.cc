#include "resample_f32.h"

namespace sinter {

Status resample_f32_check(const Kernel&, const void* params, const Extent* operands, size_t count) {
  return resample_check<float, float>(*static_cast<const ResampleF32Params*>(params), operands, count);
}

int32_t resample_f32_tiles(const Kernel&, const void* params) {
  const ResampleF32Params& p = *static_cast<const ResampleF32Params*>(params);
  return p.outer * p.height;
}

size_t resample_f32_scratch(const Kernel&, const void*) { return 0; }

}  // namespace sinter
