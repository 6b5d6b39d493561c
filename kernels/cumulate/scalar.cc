#include "../dtype.h"
#include "cumulate.h"

namespace sinter {
namespace {

template <class T>
void cumulate(const CumulateParams& p, const T* data, T* output) {
  using W = Wrapping<T>;
  const ptrdiff_t step = p.reverse != 0 ? -ptrdiff_t{p.inner} : ptrdiff_t{p.inner};
  ptrdiff_t at = p.reverse != 0 ? ptrdiff_t{p.extent - 1} * p.inner : 0;
  T total = p.product != 0 ? T(1) : T(0);
  for (int32_t a = 0; a < p.extent; ++a, at += step) {
    const T before = total, x = data[at];
    total = p.product != 0 ? static_cast<T>(static_cast<W>(total) * static_cast<W>(x))
                           : static_cast<T>(static_cast<W>(total) + static_cast<W>(x));
    output[at] = p.exclusive != 0 ? before : total;
  }
}

}  // namespace

extern "C" Status cumulate__scalar(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  const CumulateParams& p = *static_cast<const CumulateParams*>(params);
  with_number(p.dtype, [&](auto type) {
    using T = decltype(type);
    for (int32_t tile = begin; tile < end; ++tile) {
      const ptrdiff_t first = ptrdiff_t{tile / p.inner} * p.extent * p.inner + tile % p.inner;
      cumulate(p, static_cast<const T*>(operands[0]) + first, static_cast<T*>(operands[1]) + first);
    }
  });
  return kOk;
}

}  // namespace sinter
