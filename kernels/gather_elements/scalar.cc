#include "gather_elements.h"

namespace sinter {
namespace {

template <class T>
Status gather_elements(const GatherElementsParams& p, void* const* operands, int32_t begin, int32_t end) {
  const T* data = static_cast<const T*>(operands[0]);
  T* output = static_cast<T*>(operands[2]);
  const Elements range = elements(index_count(p.shape), begin, end);
  Status status = kOk;
  walk_rows<1>(
      p.shape, {p.data_stride}, range.begin, range.end, [&](int32_t position, int32_t length, const ptrdiff_t (&offset)[1]) {
        for (int32_t i = 0; i < length; ++i) {
          const int32_t index = read_index(operands[1], p.index_size, ptrdiff_t{position} + i, p.extent);
          if (index < 0) {
            status = kBadValue;
          } else {
            output[position + i] = data[offset[0] + ptrdiff_t{i} * p.data_stride[kRank - 1] + ptrdiff_t{index} * p.axis_stride];
          }
        }
      });
  return status;
}

}  // namespace

extern "C" Status gather_elements__scalar(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  const GatherElementsParams& p = *static_cast<const GatherElementsParams*>(params);
  Status status = kOk;
  with_size(p.size, [&](auto type) { status = gather_elements<decltype(type)>(p, operands, begin, end); });
  return status;
}

}  // namespace sinter
