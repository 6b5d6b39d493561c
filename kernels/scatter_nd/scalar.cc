#include "scatter_nd.h"

namespace sinter {

extern "C" Status scatter_nd__scalar(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  const ScatterNdParams& p = *static_cast<const ScatterNdParams*>(params);
  if (begin == end) return kOk;
  const uint8_t* updates = static_cast<const uint8_t*>(operands[2]);
  uint8_t* output = static_cast<uint8_t*>(operands[3]);
  const size_t slice_bytes = static_cast<size_t>(p.inner) * static_cast<size_t>(dtype_size(p.dtype));
  const Combine combine = choose_combine(p.dtype, p.reduction);
  if (operands[0] != operands[3])
    __builtin_memcpy(output, operands[0], static_cast<size_t>(indexed_slices(p.extent, p.depth).value) * slice_bytes);
  for (int32_t row = 0; row < p.rows; ++row) {
    const int32_t slice = read_tuple(operands[1], p.index_size, row, p.extent, p.depth);
    if (slice < 0) return kBadValue;
    uint8_t* to = output + static_cast<size_t>(slice) * slice_bytes;
    const uint8_t* from = updates + static_cast<size_t>(row) * slice_bytes;
    if (combine == nullptr) {
      copy_bytes(to, from, slice_bytes);
    } else {
      combine(to, from, p.inner);
    }
  }
  return kOk;
}

}  // namespace sinter
