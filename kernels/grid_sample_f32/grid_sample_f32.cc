#include "grid_sample_f32.h"

namespace sinter {

Status grid_sample_f32_check(const Kernel&, const void* params, const Extent* operands, size_t count) {
  const GridSampleF32Params& p = *static_cast<const GridSampleF32Params*>(params);
  const int32_t extents[] = {p.batch, p.in_height, p.in_width, p.height, p.width, p.channels};
  for (const int32_t extent : extents) {
    if (!in_range(extent, 1, 1 << 24)) return kBadParams;
  }
  if (!in_range(p.mode, 0, 2) || !in_range(p.padding, 0, 2) || !in_range(p.align_corners, 0, 1)) return kBadParams;
  const Count pixels = Count(p.batch) * Count(p.height) * Count(p.width);
  const Count in = Count(p.batch) * Count(p.in_height) * Count(p.in_width) * Count(p.channels);
  const Count out = pixels * Count(p.channels), grid = pixels * Count(int32_t{2});
  if (in.value > INT32_MAX || out.value > INT32_MAX || grid.value > INT32_MAX) return kBadParams;
  if (count != 3 || operands[2].writable == 0) return kBadOperands;
  const bool fits = holds<float>(operands[0], in) && holds<float>(operands[1], grid) && holds<float>(operands[2], out);
  return fits ? kOk : kBadOperands;
}

int32_t grid_sample_f32_tiles(const Kernel&, const void* params) {
  const GridSampleF32Params& p = *static_cast<const GridSampleF32Params*>(params);
  return p.batch * p.height;
}

size_t grid_sample_f32_scratch(const Kernel&, const void*) { return 0; }

}  // namespace sinter
