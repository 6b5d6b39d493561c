#include "pool_avg_s8.h"

namespace sinter {

Status pool_avg_s8_check(const Kernel&, const void* params, const Extent* operands, size_t count) {
  const PoolAvgS8Params& p = *static_cast<const PoolAvgS8Params*>(params);
  if (!spatial_valid(p) || p.out_channels != p.in_channels || !in_range(p.out_min, -128, p.out_max) || p.out_max > 127)
    return kBadParams;
  Count inside(int32_t{1});
  for (int i = 0; i < 3; ++i) inside = inside * Count(p.kernel[i] < p.in[i] ? p.kernel[i] : p.in[i]);
  if (!(inside <= Count(int32_t{1 << 23}))) return kBadParams;
  if (count != 2 || operands[1].writable == 0) return kBadOperands;
  return holds<int8_t>(operands[0], input_count(p)) && holds<int8_t>(operands[1], output_count(p)) ? kOk : kBadOperands;
}

int32_t pool_avg_s8_tiles(const Kernel&, const void* params) { return output_rows(*static_cast<const PoolAvgS8Params*>(params)); }

size_t pool_avg_s8_scratch(const Kernel&, const void*) { return 0; }

}  // namespace sinter
