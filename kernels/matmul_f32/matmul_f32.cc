#include "matmul_f32.h"

namespace sinter {

Status matmul_f32_check(const Kernel&, const void* params, const Extent* operands, size_t count) {
  const MatmulF32Params& p = *static_cast<const MatmulF32Params*>(params);
  return matmul_valid(p) ? matmul_operands<float>(p, operands, count) : kBadParams;
}

int32_t matmul_f32_tiles(const Kernel&, const void* params) { return matmul_tiles(*static_cast<const MatmulF32Params*>(params)); }

size_t matmul_f32_scratch(const Kernel& kernel, const void* params) {
  const MatmulF32Params& p = *static_cast<const MatmulF32Params*>(params);
  const bool gathers = p.b_column != 1 && p.n > 1;
  return kernel.nr > 1 && gathers ? sizeof(float) * kDepthBlock * static_cast<size_t>(kernel.nr) : 0;
}

}  // namespace sinter
