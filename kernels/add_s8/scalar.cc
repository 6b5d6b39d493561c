#include "add_s8.h"

namespace sinter {

extern "C" Status add_s8__scalar(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  const AddS8Params& p = *static_cast<const AddS8Params*>(params);
  const int8_t* a = static_cast<const int8_t*>(operands[0]);
  const int8_t* b = static_cast<const int8_t*>(operands[1]);
  int8_t* y = static_cast<int8_t*>(operands[2]);
  for_each_row(p, begin, end, [&](ptrdiff_t a_at, ptrdiff_t b_at, ptrdiff_t y_at, int32_t count) {
    for (int32_t i = 0; i < count; ++i) {
      y[y_at + i] = add(p, a[a_at + i * p.a_stride[7]], b[b_at + i * p.b_stride[7]]);
    }
  });
  return kOk;
}

}  // namespace sinter
