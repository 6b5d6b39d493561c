#include "argmax.h"

#include "../dtype.h"

namespace sinter {

Status argmax_check(const Kernel&, const void* params, const Extent* operands, size_t count) {
  const ArgmaxParams& p = *static_cast<const ArgmaxParams*>(params);
  const Count slices = Count(p.outer) * Count(p.inner), elements = slices * Count(p.extent);
  if (p.outer < 1 || p.inner < 1 || p.extent < 1 || elements.value > INT32_MAX) return kBadParams;
  if (!in_range(p.smallest, 0, 1) || !in_range(p.last, 0, 1) || !index_size_valid(p.index_size)) return kBadParams;
  if (!with_number(p.dtype, [](auto) {})) return dtype_size(p.dtype) == 0 ? kBadParams : kUnsupported;
  if (count != 2 || operands[1].writable == 0) return kBadOperands;
  if (!holds_elements(operands[0], dtype_size(p.dtype), elements)) return kBadOperands;
  return holds_elements(operands[1], p.index_size, slices) ? kOk : kBadOperands;
}

int32_t argmax_tiles(const Kernel&, const void* params) {
  const ArgmaxParams& p = *static_cast<const ArgmaxParams*>(params);
  return p.outer * p.inner;
}

size_t argmax_scratch(const Kernel&, const void*) { return 0; }

}  // namespace sinter
