#include "../conv_f32_scalar.h"
#include "conv_transpose_f32.h"

namespace sinter {
namespace {

template <int kNr>
Status conv_transpose(const ConvTransposeF32Params& p, void* const* operands, int32_t begin, int32_t end) {
  return conv_f32_scalar<kNr>(p, operands, begin, end, [&](int32_t pixel, auto body) { visit_transposed_taps(p, pixel, body); });
}

}  // namespace

#define SINTER_CONV_TRANSPOSE(name, nr)                                                                            \
  extern "C" Status name##__scalar(const void* params, void* const* operands, void*, int32_t begin, int32_t end) { \
    return conv_transpose<nr>(*static_cast<const ConvTransposeF32Params*>(params), operands, begin, end);          \
  }

SINTER_CONV_TRANSPOSE(conv_transpose_f32_1x16, 16)
SINTER_CONV_TRANSPOSE(conv_transpose_f32_1x1, 1)

}  // namespace sinter
