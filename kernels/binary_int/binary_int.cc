#include "binary_int.h"

#include "../dtype.h"

namespace sinter {

Status binary_int_check(const Kernel&, const void* params, const Extent* operands, size_t count) {
  const BinaryIntParams& p = *static_cast<const BinaryIntParams*>(params);
  const int32_t size = dtype_size(p.dtype);
  if (!broadcast_valid(p) || !in_range(p.kind, kIntAdd, kIntShiftRight) || size == 0) return kBadParams;
  const bool logical = p.dtype == static_cast<int32_t>(DType::kBool) && in_range(p.kind, kIntAnd, kIntXor);
  if (!logical && !with_integer(p.dtype, [](auto) {})) return kUnsupported;
  return count == 3 && rows_hold(p, operands, size, size) ? kOk : kBadOperands;
}

int32_t binary_int_tiles(const Kernel&, const void* params) {
  return broadcast_tiles(*static_cast<const BinaryIntParams*>(params));
}

size_t binary_int_scratch(const Kernel&, const void*) { return 0; }

}  // namespace sinter
