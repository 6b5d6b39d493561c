#include "body.h"

namespace sinter {

extern "C" Status conv_s32__scalar(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  const ConvS32Params& p = *static_cast<const ConvS32Params*>(params);
  return with_bytes(p, [&](auto x, auto w) {
    using X = decltype(x);
    using W = decltype(w);
    conv_integer<X, W>(p, operands, begin, end, dot_plain<X, W>);
  });
}

}  // namespace sinter
