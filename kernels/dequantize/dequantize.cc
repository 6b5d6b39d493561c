#include "dequantize.h"

#include "../stored.h"

namespace sinter {

Status dequantize_check(const Kernel&, const void* params, const Extent* operands, size_t count) {
  const DequantizeParams& p = *static_cast<const DequantizeParams*>(params);
  if (!channels_valid(p) || stored_size(p.dtype) == 0) return kBadParams;
  const Count size = channels_count(p);
  if (count != 4 || operands[3].writable == 0) return kBadOperands;
  const bool fits = holds_stored(operands[0], p.dtype, size) && holds<float>(operands[1], p.channels) &&
                    holds<int32_t>(operands[2], p.channels) && holds<float>(operands[3], size);
  return fits ? kOk : kBadOperands;
}

int32_t dequantize_tiles(const Kernel&, const void* params) {
  return channels_tiles(*static_cast<const DequantizeParams*>(params));
}

size_t dequantize_scratch(const Kernel&, const void*) { return 0; }

}  // namespace sinter
