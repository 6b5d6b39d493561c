#include "pairs_neon.h"

namespace sinter {
namespace {

template <bool kIsSymmetric>
struct Armv7Neon {
  static constexpr bool kSymmetric = kIsSymmetric;
  static constexpr int kWidth = 8;
};

}  // namespace

extern "C" Status depthwise_s8_5x16k2s__armv7_neon(const void* params, void* const* operands, void* scratch, int32_t begin,
                                                   int32_t end) {
  DepthwisePairs<Armv7Neon<true>>(*static_cast<const DepthwiseS8Params*>(params), operands, scratch).run(begin, end);
  return kOk;
}

extern "C" Status depthwise_s8_5x16k2__armv7_neon(const void* params, void* const* operands, void* scratch, int32_t begin,
                                                  int32_t end) {
  DepthwisePairs<Armv7Neon<false>>(*static_cast<const DepthwiseS8Params*>(params), operands, scratch).run(begin, end);
  return kOk;
}

}  // namespace sinter
