#include "quantize_b32.h"

namespace sinter {

Status quantize_b32_check(const Kernel&, const void* params, const Extent* operands, size_t count) {
  const QuantizeB32Params& p = *static_cast<const QuantizeB32Params*>(params);
  if (p.rows < 1 || p.depth < 1 || !in_range(p.blank_rows, 0, 1) || !in_range(p.weight_zero, 0, 255)) return kBadParams;
  const Count inputs = Count(p.rows) * Count(p.depth);
  const Count blocks = (Count(p.rows) + Count(p.blank_rows)) * Count(row_blocks(p));
  if (inputs.value > INT32_MAX || blocks.value > INT32_MAX - kQuantizedBlocks) return kBadParams;
  if (count != 2 || operands[1].writable == 0) return kBadOperands;
  return holds<float>(operands[0], inputs) && holds<Block32>(operands[1], blocks) ? kOk : kBadOperands;
}

int32_t quantize_b32_tiles(const Kernel&, const void* params) {
  const QuantizeB32Params& p = *static_cast<const QuantizeB32Params*>(params);
  return div_up((p.rows + p.blank_rows) * row_blocks(p), kQuantizedBlocks);
}

size_t quantize_b32_scratch(const Kernel&, const void*) { return 0; }

}  // namespace sinter
