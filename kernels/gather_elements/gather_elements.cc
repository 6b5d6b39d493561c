#include "gather_elements.h"

namespace sinter {

Status gather_elements_check(const Kernel&, const void* params, const Extent* operands, size_t count) {
  const GatherElementsParams& p = *static_cast<const GatherElementsParams*>(params);
  if (!shape_valid(p.shape) || !element_size_valid(p.size) || !index_size_valid(p.index_size)) return kBadParams;
  if (count != 3 || operands[2].writable == 0) return kBadOperands;
  if (!indexed_inside(operands[0], p.size, p.shape, p.data_stride, p.axis_stride, p.extent)) return kBadOperands;
  const Count elements(index_count(p.shape));
  if (!holds_elements(operands[1], p.index_size, elements)) return kBadOperands;
  return holds_elements(operands[2], p.size, elements) ? kOk : kBadOperands;
}

int32_t gather_elements_tiles(const Kernel&, const void* params) {
  return div_up(index_count(static_cast<const GatherElementsParams*>(params)->shape), kBlock);
}

size_t gather_elements_scratch(const Kernel&, const void*) { return 0; }

}  // namespace sinter
