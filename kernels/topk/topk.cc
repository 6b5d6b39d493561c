#include "topk.h"

#include "../dtype.h"

namespace sinter {

Status topk_check(const Kernel&, const void* params, const Extent* operands, size_t count) {
  const TopkParams& p = *static_cast<const TopkParams*>(params);
  const Count slices = Count(p.outer) * Count(p.inner), elements = slices * Count(p.extent);
  if (p.outer < 1 || p.inner < 1 || p.extent < 1 || elements.value > INT32_MAX || !in_range(p.k, 1, p.extent)) return kBadParams;
  if (p.k > INT32_MAX / 8 || !in_range(p.smallest, 0, 1) || !index_size_valid(p.index_size)) return kBadParams;
  if (!with_number(p.dtype, [](auto) {})) return dtype_size(p.dtype) == 0 ? kBadParams : kUnsupported;
  if (count != 3 || operands[1].writable == 0 || operands[2].writable == 0) return kBadOperands;
  if (!holds_elements(operands[0], dtype_size(p.dtype), elements)) return kBadOperands;
  if (!holds_elements(operands[1], dtype_size(p.dtype), slices * Count(p.k))) return kBadOperands;
  return holds_elements(operands[2], p.index_size, slices * Count(p.k)) ? kOk : kBadOperands;
}

int32_t topk_tiles(const Kernel&, const void* params) {
  const TopkParams& p = *static_cast<const TopkParams*>(params);
  return p.outer * p.inner;
}

size_t topk_scratch(const Kernel&, const void* params) {
  return static_cast<size_t>(static_cast<const TopkParams*>(params)->k) * sizeof(int32_t);
}

}  // namespace sinter
