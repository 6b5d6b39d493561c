#include "gather.h"

namespace sinter {

extern "C" Status gather__scalar(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  const GatherParams& p = *static_cast<const GatherParams*>(params);
  const uint8_t* data = static_cast<const uint8_t*>(operands[0]);
  uint8_t* output = static_cast<uint8_t*>(operands[2]);
  const size_t inner = static_cast<size_t>(p.inner), extent = static_cast<size_t>(p.extent);
  for (int32_t row = begin; row < end; ++row) {
    const int32_t slice = row / p.count, batch = slice / p.outer;
    const int32_t index = read_index(operands[1], p.index_size, ptrdiff_t{batch} * p.count + row % p.count, p.extent);
    if (index < 0) return kBadValue;
    copy_bytes(output + static_cast<size_t>(row) * inner,
               data + (static_cast<size_t>(slice) * extent + static_cast<size_t>(index)) * inner, inner);
  }
  return kOk;
}

}  // namespace sinter
