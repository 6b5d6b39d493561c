#include "gather.h"

namespace sinter {

Status gather_check(const Kernel&, const void* params, const Extent* operands, size_t count) {
  const GatherParams& p = *static_cast<const GatherParams*>(params);
  if (p.batch < 1 || p.outer < 1 || p.extent < 1 || p.inner < 1 || p.count < 1 || !index_size_valid(p.index_size))
    return kBadParams;
  const Count rows = Count(p.batch) * Count(p.outer) * Count(p.count);
  if (rows.value > INT32_MAX) return kBadParams;
  if (count != 3 || operands[2].writable == 0) return kBadOperands;
  if (!holds<uint8_t>(operands[0], Count(p.batch) * Count(p.outer) * Count(p.extent) * Count(p.inner))) return kBadOperands;
  if (!holds_elements(operands[1], p.index_size, Count(p.batch) * Count(p.count))) return kBadOperands;
  return holds<uint8_t>(operands[2], rows * Count(p.inner)) ? kOk : kBadOperands;
}

int32_t gather_tiles(const Kernel&, const void* params) {
  const GatherParams& p = *static_cast<const GatherParams*>(params);
  return p.batch * p.outer * p.count;
}

size_t gather_scratch(const Kernel&, const void*) { return 0; }

}  // namespace sinter
