#include "matmul_s8.h"

namespace sinter {

Status matmul_s8_check(const Kernel&, const void* params, const Extent* operands, size_t count) {
  const MatmulS8Params& p = *static_cast<const MatmulS8Params*>(params);
  const bool zeros = in_range(p.a_zero, -128, 127) && in_range(p.b_zero, -128, 127) && in_range(p.out_zero, -128, 127);
  return matmul_valid(p) && zeros ? matmul_operands<int8_t>(p, operands, count) : kBadParams;
}

int32_t matmul_s8_tiles(const Kernel&, const void* params) { return matmul_tiles(*static_cast<const MatmulS8Params*>(params)); }

size_t matmul_s8_scratch(const Kernel&, const void*) { return 0; }

}  // namespace sinter
