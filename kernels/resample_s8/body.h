// The arithmetic of every kernel of the family, vectorised by the compiler for each instruction set.
#pragma once

#include "../clamp.h"
#include "resample_s8.h"

namespace sinter {
namespace {

// int32 in unsigned arithmetic, so that tables of any contents wrap.
struct FixedArithmetic {
  using Element = int8_t;
  using Weight = int32_t;
  using Sum = uint32_t;
  static uint32_t weight(int32_t row, int32_t column) { return static_cast<uint32_t>(row) * static_cast<uint32_t>(column); }
  static uint32_t product(uint32_t factor, int8_t x) { return factor * static_cast<uint32_t>(x); }
  static int8_t finish(uint32_t sum) {
    const uint32_t half = 1u << 19;
    const int32_t rounded = static_cast<int32_t>(static_cast<int32_t>(sum) < 0 ? sum - half : sum + half);
    return static_cast<int8_t>(clamp(rounded / (1 << 20), -128, 127));
  }
};

Status resample_s8(const void* params, void* const* operands, int32_t begin, int32_t end) {
  return resample<FixedArithmetic>(*static_cast<const ResampleS8Params*>(params), operands, begin, end);
}

}  // namespace
}  // namespace sinter
