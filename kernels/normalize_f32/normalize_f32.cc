#include "normalize_f32.h"

namespace sinter {

Status normalize_f32_check(const Kernel&, const void* params, const Extent* operands, size_t count) {
  const NormalizeF32Params& p = *static_cast<const NormalizeF32Params*>(params);
  if (!reduction_valid(p) || !in_range(p.centre, 0, 1)) return kBadParams;
  if (count != 2 || operands[1].writable == 0) return kBadOperands;
  const bool inside = reduction_inside(p, operands[0], sizeof(float)) && reduction_inside(p, operands[1], sizeof(float));
  return inside ? kOk : kBadOperands;
}

int32_t normalize_f32_tiles(const Kernel&, const void* params) {
  return reduction_tiles(*static_cast<const NormalizeF32Params*>(params));
}

size_t normalize_f32_scratch(const Kernel&, const void*) { return 0; }

}  // namespace sinter
