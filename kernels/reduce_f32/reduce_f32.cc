#include "reduce_f32.h"

namespace sinter {

Status reduce_f32_check(const Kernel&, const void* params, const Extent* operands, size_t count) {
  const ReduceF32Params& p = *static_cast<const ReduceF32Params*>(params);
  if (!reduction_valid(p) || !in_range(p.kind, kFoldSum, kFoldMinimum)) return kBadParams;
  if (count != 2 || operands[1].writable == 0 || !holds<float>(operands[1], reduction_outputs(p))) return kBadOperands;
  return reduction_inside(p, operands[0], sizeof(float)) ? kOk : kBadOperands;
}

int32_t reduce_f32_tiles(const Kernel&, const void* params) {
  return reduction_tiles(*static_cast<const ReduceF32Params*>(params));
}

size_t reduce_f32_scratch(const Kernel&, const void*) { return 0; }

}  // namespace sinter
