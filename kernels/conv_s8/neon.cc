#include "one_row_neon.h"

namespace sinter {
namespace {

template <bool kIsSymmetric>
struct Neon {
  static constexpr int32_t kMr = 4, kNr = 16, kKr = 2, kColumns = 16, kPanels = 2;
  static constexpr bool kSymmetric = kIsSymmetric;
  template <int kRows, int kWidth>
  using Tile = PairsTile<Neon, kRows, kWidth>;
};

}  // namespace

extern "C" Status conv_s8_4x16k2s__neon(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  return conv_one_or_more<Neon<true>>(params, operands, scratch, begin, end);
}

extern "C" Status conv_s8_4x16k2__neon(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  return conv_one_or_more<Neon<false>>(params, operands, scratch, begin, end);
}

}  // namespace sinter
