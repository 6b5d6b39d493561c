#include "gather_nd.h"

namespace sinter {

extern "C" Status gather_nd__scalar(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  const GatherNdParams& p = *static_cast<const GatherNdParams*>(params);
  const uint8_t* data = static_cast<const uint8_t*>(operands[0]);
  uint8_t* output = static_cast<uint8_t*>(operands[2]);
  const size_t inner = static_cast<size_t>(p.inner), slices = static_cast<size_t>(indexed_slices(p.extent, p.depth).value);
  for (int32_t row = begin; row < end; ++row) {
    const int32_t slice = read_tuple(operands[1], p.index_size, row, p.extent, p.depth);
    if (slice < 0) return kBadValue;
    const size_t at = static_cast<size_t>(row / p.rows) * slices + static_cast<size_t>(slice);
    copy_bytes(output + static_cast<size_t>(row) * inner, data + at * inner, inner);
  }
  return kOk;
}

}  // namespace sinter
