#include "copy.h"

#include "../check.h"

namespace sinter {

Status copy_check(const Kernel&, const void* params, const Extent* operands, size_t count) {
  const CopyParams& p = *static_cast<const CopyParams*>(params);
  if (p.bytes > INT32_MAX * kCopyTile) return kBadParams;
  if (count != 2 || operands[1].writable == 0) return kBadOperands;
  return operands[0].bytes >= p.bytes && operands[1].bytes >= p.bytes ? kOk : kBadOperands;
}

int32_t copy_tiles(const Kernel&, const void* params) {
  return static_cast<int32_t>((static_cast<const CopyParams*>(params)->bytes + kCopyTile - 1) / kCopyTile);
}

size_t copy_scratch(const Kernel&, const void*) { return 0; }

}  // namespace sinter
