#include "compare.h"

#include "../dtype.h"

namespace sinter {

Status compare_check(const Kernel&, const void* params, const Extent* operands, size_t count) {
  const CompareParams& p = *static_cast<const CompareParams*>(params);
  const int32_t size = dtype_size(p.dtype);
  if (!broadcast_valid(p) || !in_range(p.kind, kCompareEqual, kCompareLessEqual) || size == 0) return kBadParams;
  if (p.dtype > static_cast<int32_t>(DType::kBool)) return kUnsupported;
  return count == 3 && rows_hold(p, operands, size, 1) ? kOk : kBadOperands;
}

int32_t compare_tiles(const Kernel&, const void* params) { return broadcast_tiles(*static_cast<const CompareParams*>(params)); }

size_t compare_scratch(const Kernel&, const void*) { return 0; }

}  // namespace sinter
