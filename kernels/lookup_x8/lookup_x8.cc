#include "lookup_x8.h"

namespace sinter {

Status lookup_x8_check(const Kernel&, const void* params, const Extent* operands, size_t count) {
  const LookupX8Params& p = *static_cast<const LookupX8Params*>(params);
  if (!in_range(p.count, 0, INT32_MAX - kBlock)) return kBadParams;
  if (count != 3 || operands[2].writable == 0) return kBadOperands;
  const bool fits =
      holds<uint8_t>(operands[0], p.count) && holds<uint8_t>(operands[1], int32_t{256}) && holds<uint8_t>(operands[2], p.count);
  return fits ? kOk : kBadOperands;
}

int32_t lookup_x8_tiles(const Kernel&, const void* params) {
  return div_up(static_cast<const LookupX8Params*>(params)->count, kBlock);
}

size_t lookup_x8_scratch(const Kernel&, const void*) { return 0; }

}  // namespace sinter
