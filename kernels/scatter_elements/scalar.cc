#include "scatter_elements.h"

namespace sinter {

extern "C" Status scatter_elements__scalar(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  const ScatterElementsParams& p = *static_cast<const ScatterElementsParams*>(params);
  if (begin == end) return kOk;
  const uint8_t* updates = static_cast<const uint8_t*>(operands[2]);
  uint8_t* output = static_cast<uint8_t*>(operands[3]);
  const int32_t size = dtype_size(p.dtype);
  const Combine combine = choose_combine(p.dtype, p.reduction);
  if (operands[0] != operands[3])
    __builtin_memcpy(output, operands[0], static_cast<size_t>(p.elements) * static_cast<size_t>(size));
  Status status = kOk;
  walk_rows<1>(p.shape, {p.data_stride}, 0, index_count(p.shape),
               [&](int32_t position, int32_t length, const ptrdiff_t (&offset)[1]) {
                 for (int32_t i = 0; i < length; ++i) {
                   const int32_t index = read_index(operands[1], p.index_size, ptrdiff_t{position} + i, p.extent);
                   if (index < 0) {
                     status = kBadValue;
                     continue;
                   }
                   const ptrdiff_t at = offset[0] + ptrdiff_t{i} * p.data_stride[kRank - 1] + ptrdiff_t{index} * p.axis_stride;
                   const uint8_t* update = updates + (ptrdiff_t{position} + i) * size;
                   if (combine == nullptr) {
                     copy_bytes(output + at * size, update, static_cast<size_t>(size));
                   } else {
                     combine(output + at * size, update, 1);
                   }
                 }
               });
  return status;
}

}  // namespace sinter
