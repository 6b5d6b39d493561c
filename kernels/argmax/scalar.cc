#include "../dtype.h"
#include "../order.h"
#include "argmax.h"

namespace sinter {
namespace {

template <class T>
int32_t find(const T* data, const ArgmaxParams& p) {
  int32_t best = 0;
  T most = sort_key(data[0]);
  for (int32_t a = 1; a < p.extent; ++a) {
    const T x = sort_key(data[ptrdiff_t{a} * p.inner]);
    if ((p.smallest != 0 ? x < most : most < x) || (p.last != 0 && x == most)) {
      best = a;
      most = x;
    }
  }
  return best;
}

}  // namespace

extern "C" Status argmax__scalar(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  const ArgmaxParams& p = *static_cast<const ArgmaxParams*>(params);
  with_number(p.dtype, [&](auto type) {
    using T = decltype(type);
    for (int32_t slice = begin; slice < end; ++slice) {
      const ptrdiff_t first = ptrdiff_t{slice / p.inner} * p.extent * p.inner + slice % p.inner;
      const int32_t index = find(static_cast<const T*>(operands[0]) + first, p);
      write_index(operands[1], p.index_size, slice, index);
    }
  });
  return kOk;
}

}  // namespace sinter
