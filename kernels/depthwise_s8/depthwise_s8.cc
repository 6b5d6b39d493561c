#include "depthwise_s8.h"

#include "../tap_table.h"
#include "columns.h"
#include "lines.h"

namespace sinter {

// Scratch of the kernels that keep lines; layers that need more are left to others.
constexpr uint64_t kMostScratch = 256 << 10;

static Count weights(const Kernel& kernel, const DepthwiseS8Params& p) {
  if (kernel.kr != 4) return depthwise_weights(kernel, p);
  const Quads q = tap_quads(p);
  return depthwise_channels(kernel, p) * Count(q.down) * Count(q.across) * Count(kernel.kr);
}

// What kernels keep in scratch, or read without: depthwise_s8.h.
static bool keeps_lines(const Kernel& kernel) { return kernel.mr == 2 && kernel.kr == 4; }
static bool slides(const Kernel& kernel) { return kernel.mr == 3 && kernel.kr == 4; }
static bool reads_columns(const Kernel& kernel) { return kernel.mr == 4 && kernel.kr == 4; }
static bool slides_along(const Kernel& kernel) { return kernel.mr == 5 && kernel.kr == 4; }
static bool keeps_taps(const Kernel& kernel) { return kernel.mr > 1 && kernel.kr != 4; }

// Whether a window of three by three slides by one or two, of inputs of whole vectors.
static bool can_slide(const DepthwiseS8Params& p) {
  if (p.in[0] != 1 || p.out[0] != 1 || p.kernel[0] != 1 || p.pad[0] != 0) return false;
  if (p.kernel[1] != 3 || p.kernel[2] != 3 || p.dilation[1] != 1 || p.dilation[2] != 1 || p.stride[2] > 2) return false;
  return p.out_channels == p.in_channels && p.out_channels >= 8;
}

static uint64_t scratch_bytes(const Kernel& kernel, const DepthwiseS8Params& p) {
  if (keeps_taps(kernel)) return tap_table_bytes<int8_t>(kernel, p);
  return keeps_lines(kernel) ? lines_scratch(p) : 0;
}

Status depthwise_s8_check(const Kernel& kernel, const void* params, const Extent* operands, size_t count) {
  const DepthwiseS8Params& p = *static_cast<const DepthwiseS8Params*>(params);
  if (!depthwise_valid(kernel, p) || !in_range(p.in_zero, -128, 127) || !in_range(p.out_zero, -128, 127)) return kBadParams;
  if (!in_range(p.out_min, -128, p.out_max) || p.out_max > 127 || !(weights(kernel, p) <= Count(INT32_MAX))) return kBadParams;
  if (count != 6 || operands[5].writable == 0) return kBadOperands;
  if (!holds<int8_t>(operands[0], input_count(p)) || !holds<int8_t>(operands[1], weights(kernel, p))) return kBadOperands;
  for (int i = 2; i < 5; ++i) {
    if (!holds<int32_t>(operands[i], depthwise_channels(kernel, p))) return kBadOperands;
  }
  if (!holds<int8_t>(operands[5], output_count(p))) return kBadOperands;
  if (reads_columns(kernel) && !has_columns(lay_down(p))) return kUnsupported;
  if (slides(kernel) && !can_slide(p)) return kUnsupported;
  if (slides_along(kernel) && !can_slide_along(lay_down(p))) return kUnsupported;
  if (keeps_taps(kernel) && !tap_table_fits(p)) return kUnsupported;
  return scratch_bytes(kernel, p) > kMostScratch ? kUnsupported : kOk;
}

int32_t depthwise_s8_tiles(const Kernel&, const void* params) {
  return output_rows(*static_cast<const DepthwiseS8Params*>(params));
}

size_t depthwise_s8_scratch(const Kernel& kernel, const void* params) {
  return static_cast<size_t>(scratch_bytes(kernel, *static_cast<const DepthwiseS8Params*>(params)));
}

}  // namespace sinter
