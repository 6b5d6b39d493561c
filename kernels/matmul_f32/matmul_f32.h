// Matrix products of float32 tensors that are both computed; each output sums over k in order.
//
// Operands: a, b; y, contiguous.
#pragma once

#include "../matmul.h"

namespace sinter {

#define MATMUL_F32_PARAMS(F, A) SINTER_MATMUL(F, A)

SINTER_PARAMS(MatmulF32Params, MATMUL_F32_PARAMS);

// Depth of the block of b that kernels gather into scratch where its columns do not lie side by side.
constexpr int32_t kDepthBlock = 128;

}  // namespace sinter
