// Operations on two broadcast operands, chosen while running: one function for each stretch along the last axis.
#pragma once

#include "elementwise.h"

namespace sinter {

// `count` elements; a step is 0 where the operand is one element, else 1.
using BinaryRow = void (*)(const void* a, const void* b, void* y, int32_t count, ptrdiff_t a_step, ptrdiff_t b_step);

// Runs `row` over tiles [begin, end); the operands' elements are `size` bytes, those of the output `out_size`.
template <class Params>
static inline void run_rows(const Params& p, void* const* operands, int32_t begin, int32_t end, int32_t size, int32_t out_size,
                            BinaryRow row) {
  const uint8_t *a = static_cast<const uint8_t*>(operands[0]), *b = static_cast<const uint8_t*>(operands[1]);
  uint8_t* y = static_cast<uint8_t*>(operands[2]);
  for_each_row(p, begin, end, [&](ptrdiff_t a_offset, ptrdiff_t b_offset, ptrdiff_t y_offset, int32_t count) {
    row(a + a_offset * size, b + b_offset * size, y + y_offset * out_size, count, p.a_stride[7], p.b_stride[7]);
  });
}

// The extents of two operands with elements of `size` bytes and an output with elements of `out_size`.
template <class Params>
constexpr bool rows_hold(const Params& p, const Extent* operands, int32_t size, int32_t out_size) {
  return holds_elements(operands[0], size, reach(p.shape, p.a_stride)) &&
         holds_elements(operands[1], size, reach(p.shape, p.b_stride)) &&
         holds_elements(operands[2], out_size, broadcast_count(p)) && operands[2].writable != 0;
}

}  // namespace sinter
