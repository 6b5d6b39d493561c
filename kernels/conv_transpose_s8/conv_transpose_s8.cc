#include "conv_transpose_s8.h"

namespace sinter {

Status conv_transpose_s8_check(const Kernel& kernel, const void* params, const Extent* operands, size_t count) {
  const ConvTransposeS8Params& p = *static_cast<const ConvTransposeS8Params*>(params);
  if (!conv_valid(kernel, p) || !in_range(p.in_zero, -128, 127) || !in_range(p.out_zero, -128, 127)) return kBadParams;
  if (!in_range(p.out_min, -128, p.out_max) || p.out_max > 127) return kBadParams;
  if (count != 6 || operands[5].writable == 0) return kBadOperands;
  if (!holds<int8_t>(operands[0], input_count(p)) || !holds<int8_t>(operands[1], conv_weights(kernel, p))) return kBadOperands;
  for (int i = 2; i < 5; ++i) {
    if (!holds<int32_t>(operands[i], conv_columns(kernel, p))) return kBadOperands;
  }
  return holds<int8_t>(operands[5], output_count(p)) ? kOk : kBadOperands;
}

int32_t conv_transpose_s8_tiles(const Kernel& kernel, const void* params) {
  return conv_tiles(*static_cast<const ConvTransposeS8Params*>(params), kernel.mr, kernel.nr);
}

size_t conv_transpose_s8_scratch(const Kernel&, const void*) { return 0; }

}  // namespace sinter
