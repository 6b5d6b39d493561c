// A copy of contiguous bytes.
//
//   output[i] = input[i]
//
// Operands: input and output, `bytes` bytes each.
//
// Tiles: 64 KiB.
#pragma once

#include "../kernel.h"

namespace sinter {

#define COPY_PARAMS(F, A) F(uint64_t, bytes)

SINTER_PARAMS(CopyParams, COPY_PARAMS);

constexpr uint64_t kCopyTile = 1 << 16;

}  // namespace sinter
