#include "../dtype.h"
#include "compare.h"

namespace sinter {
namespace {

template <class T, bool (*kRelation)(T, T)>
void compare(const void* a, const void* b, void* y, int32_t count, ptrdiff_t a_step, ptrdiff_t b_step) {
  const T *left = static_cast<const T*>(a), *right = static_cast<const T*>(b);
  uint8_t* to = static_cast<uint8_t*>(y);
  if (a_step == 1 && b_step == 1) {
    for (int32_t i = 0; i < count; ++i) to[i] = kRelation(left[i], right[i]) ? 1 : 0;
  } else {
    for (int32_t i = 0; i < count; ++i) to[i] = kRelation(left[i * a_step], right[i * b_step]) ? 1 : 0;
  }
}

// clang-format off
template <class T> bool equal(T a, T b) { return a == b; }
template <class T> bool not_equal(T a, T b) { return a != b; }
template <class T> bool less(T a, T b) { return a < b; }
template <class T> bool less_equal(T a, T b) { return a <= b; }
// clang-format on

template <class T>
BinaryRow choose(int32_t kind) {
  switch (kind) {
    case kCompareEqual:
      return compare<T, equal<T>>;
    case kCompareNotEqual:
      return compare<T, not_equal<T>>;
    case kCompareLess:
      return compare<T, less<T>>;
    default:
      return compare<T, less_equal<T>>;
  }
}

}  // namespace

extern "C" Status compare__scalar(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  const CompareParams& p = *static_cast<const CompareParams*>(params);
  const int32_t dtype = p.dtype == static_cast<int32_t>(DType::kBool) ? static_cast<int32_t>(DType::kUint8) : p.dtype;
  with_number(dtype, [&](auto type) {
    using T = decltype(type);
    run_rows(p, operands, begin, end, int32_t{sizeof(T)}, 1, choose<T>(p.kind));
  });
  return kOk;
}

}  // namespace sinter
