#include "pool_avg_f32.h"

namespace sinter {

Status pool_avg_f32_check(const Kernel&, const void* params, const Extent* operands, size_t count) {
  const PoolAvgF32Params& p = *static_cast<const PoolAvgF32Params*>(params);
  if (!spatial_valid(p) || p.out_channels != p.in_channels || !(p.low <= p.high)) return kBadParams;
  for (int i = 0; i < 3; ++i) {
    if (!in_range(p.pad_after[i], 0, 1 << 24)) return kBadParams;
  }
  if (!in_range(p.count_include_pad, 0, 1)) return kBadParams;
  if (count != 2 || operands[1].writable == 0) return kBadOperands;
  return holds<float>(operands[0], input_count(p)) && holds<float>(operands[1], output_count(p)) ? kOk : kBadOperands;
}

int32_t pool_avg_f32_tiles(const Kernel&, const void* params) { return output_rows(*static_cast<const PoolAvgF32Params*>(params)); }

size_t pool_avg_f32_scratch(const Kernel&, const void*) { return 0; }

}  // namespace sinter
