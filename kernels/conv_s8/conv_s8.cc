#include "conv_s8.h"

#include "bands.h"
#include "conv_rows.h"
#include "widened_band.h"

namespace sinter {

static bool by_bands(const Kernel& kernel) { return kernel.mr == kBandPixels && packs_lines(kernel); }

size_t conv_s8_scratch(const Kernel& kernel, const void* params) {
  const ConvS8Params& p = *static_cast<const ConvS8Params*>(params);
  if (kernel.mr <= kVectorRows) return 0;
  if (by_bands(kernel)) return static_cast<size_t>(bands_bytes(bands(p)));
  if (packs_lines(kernel)) {
    const LineSizes sizes = line_sizes(p);
    return static_cast<size_t>(sizes.table + sizes.outside + sizes.copies);
  }
  if (kernel.mr != kLargeTile) return row_plan(p, kernel.mr, kernel.kr).bytes;
  return widened_scratch(p, kernel.kr).bytes;
}

Status conv_s8_check(const Kernel& kernel, const void* params, const Extent* operands, size_t count) {
  const ConvS8Params& p = *static_cast<const ConvS8Params*>(params);
  if (!conv_s8_valid(kernel, p)) return kBadParams;
  const Count weights = conv_columns(kernel, p) * packed_depth(kernel, p);
  if (!(weights <= Count(INT32_MAX))) return kBadParams;
  if (count != 6 || operands[5].writable == 0) return kBadOperands;
  if (!holds<int8_t>(operands[0], input_count(p)) || !holds<int8_t>(operands[1], weights)) return kBadOperands;
  for (int i = 2; i < 5; ++i) {
    if (!holds<int32_t>(operands[i], conv_columns(kernel, p))) return kBadOperands;
  }
  if (!holds<int8_t>(operands[5], output_count(p))) return kBadOperands;
  if (kernel.mr == kVectorRows && !is_matrix(p)) return kUnsupported;
  if (by_bands(kernel) && !fits_bands(p)) return kUnsupported;
  return packs_lines(kernel) && conv_s8_scratch(kernel, params) > kLineScratch ? kUnsupported : kOk;
}

int32_t conv_s8_tiles(const Kernel& kernel, const void* params) {
  const ConvS8Params& p = *static_cast<const ConvS8Params*>(params);
  return by_bands(kernel) ? output_rows(p) : conv_tiles(p, kernel.mr, kernel.nr);
}

}  // namespace sinter
