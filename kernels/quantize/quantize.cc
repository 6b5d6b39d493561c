#include "quantize.h"

#include "../stored.h"

namespace sinter {

Status quantize_check(const Kernel&, const void* params, const Extent* operands, size_t count) {
  const QuantizeParams& p = *static_cast<const QuantizeParams*>(params);
  if (!channels_valid(p) || stored_size(p.dtype) == 0) return kBadParams;
  const Count size = channels_count(p);
  if (count != 4 || operands[3].writable == 0) return kBadOperands;
  const bool fits = holds<float>(operands[0], size) && holds<float>(operands[1], p.channels) &&
                    holds<int32_t>(operands[2], p.channels) && holds_stored(operands[3], p.dtype, size);
  return fits ? kOk : kBadOperands;
}

int32_t quantize_tiles(const Kernel&, const void* params) { return channels_tiles(*static_cast<const QuantizeParams*>(params)); }

size_t quantize_scratch(const Kernel&, const void*) { return 0; }

}  // namespace sinter
