#include "rows.h"

namespace sinter {

extern "C" Status move__scalar(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  const MoveParams& p = *static_cast<const MoveParams*>(params);
  with_size(p.size, [&](auto type) {
    using T = decltype(type);
    move_tiles<T>(p, operands, begin, end, [](const MoveBlock<T>& block) { move_transposed(block); });
  });
  return kOk;
}

}  // namespace sinter
