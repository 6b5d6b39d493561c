#include "cast.h"

#include "../dtype.h"

namespace sinter {

Status cast_check(const Kernel&, const void* params, const Extent* operands, size_t count) {
  const CastParams& p = *static_cast<const CastParams*>(params);
  const int32_t source = dtype_size(p.source), target = dtype_size(p.target);
  if (!in_range(p.count, 1, INT32_MAX - kBlock) || source == 0 || target == 0) return kBadParams;
  if (count != 2 || operands[1].writable == 0) return kBadOperands;
  return holds_elements(operands[0], source, Count(p.count)) && holds_elements(operands[1], target, Count(p.count)) ? kOk
                                                                                                                    : kBadOperands;
}

int32_t cast_tiles(const Kernel&, const void* params) { return div_up(static_cast<const CastParams*>(params)->count, kBlock); }

size_t cast_scratch(const Kernel&, const void*) { return 0; }

}  // namespace sinter
