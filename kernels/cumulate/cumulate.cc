#include "cumulate.h"

#include "../dtype.h"

namespace sinter {

Status cumulate_check(const Kernel&, const void* params, const Extent* operands, size_t count) {
  const CumulateParams& p = *static_cast<const CumulateParams*>(params);
  const Count elements = Count(p.outer) * Count(p.inner) * Count(p.extent);
  if (p.outer < 1 || p.inner < 1 || p.extent < 1 || elements.value > INT32_MAX) return kBadParams;
  if (!in_range(p.exclusive, 0, 1) || !in_range(p.reverse, 0, 1) || !in_range(p.product, 0, 1)) return kBadParams;
  if (!with_number(p.dtype, [](auto) {})) return dtype_size(p.dtype) == 0 ? kBadParams : kUnsupported;
  if (count != 2 || operands[1].writable == 0) return kBadOperands;
  const int32_t size = dtype_size(p.dtype);
  return holds_elements(operands[0], size, elements) && holds_elements(operands[1], size, elements) ? kOk : kBadOperands;
}

int32_t cumulate_tiles(const Kernel&, const void* params) {
  const CumulateParams& p = *static_cast<const CumulateParams*>(params);
  return p.outer * p.inner;
}

size_t cumulate_scratch(const Kernel&, const void*) { return 0; }

}  // namespace sinter
