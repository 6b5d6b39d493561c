#include "copy.h"

namespace sinter {

extern "C" Status copy__scalar(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  const uint64_t bytes = static_cast<const CopyParams*>(params)->bytes;
  const uint64_t first = static_cast<uint64_t>(begin) * kCopyTile, last = static_cast<uint64_t>(end) * kCopyTile;
  const size_t start = static_cast<size_t>(first), stop = static_cast<size_t>(last < bytes ? last : bytes);
  if (start < stop)
    __builtin_memcpy(static_cast<uint8_t*>(operands[1]) + start, static_cast<const uint8_t*>(operands[0]) + start, stop - start);
  return kOk;
}

}  // namespace sinter
