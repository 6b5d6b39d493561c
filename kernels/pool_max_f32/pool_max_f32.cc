#include "pool_max_f32.h"

namespace sinter {

Status pool_max_f32_check(const Kernel&, const void* params, const Extent* operands, size_t count) {
  const PoolMaxF32Params& p = *static_cast<const PoolMaxF32Params*>(params);
  if (!spatial_valid(p) || p.out_channels != p.in_channels || !(p.low <= p.high)) return kBadParams;
  if (count != 2 || operands[1].writable == 0) return kBadOperands;
  return holds<float>(operands[0], input_count(p)) && holds<float>(operands[1], output_count(p)) ? kOk : kBadOperands;
}

int32_t pool_max_f32_tiles(const Kernel&, const void* params) { return output_rows(*static_cast<const PoolMaxF32Params*>(params)); }

size_t pool_max_f32_scratch(const Kernel&, const void*) { return 0; }

}  // namespace sinter
