#include "where.h"

namespace sinter {
namespace {

template <class T>
void where(const WhereParams& p, void* const* operands, int32_t begin, int32_t end) {
  const uint8_t* condition = static_cast<const uint8_t*>(operands[0]);
  const T *a = static_cast<const T*>(operands[1]), *b = static_cast<const T*>(operands[2]);
  T* y = static_cast<T*>(operands[3]);
  const ptrdiff_t c_step = p.condition_stride[7], a_step = p.a_stride[7], b_step = p.b_stride[7];
  const Elements range = elements(index_count(p.shape), begin, end);
  walk_rows<3>(p.shape, {p.condition_stride, p.a_stride, p.b_stride}, range.begin, range.end,
               [=](int32_t position, int32_t length, const ptrdiff_t (&offset)[3]) {
                 const uint8_t* choice = condition + offset[0];
                 const T *left = a + offset[1], *right = b + offset[2];
                 T* to = y + position;
                 if (c_step == 1 && a_step == 1 && b_step == 1) {
                   for (int32_t i = 0; i < length; ++i) to[i] = choice[i] != 0 ? left[i] : right[i];
                 } else {
                   for (int32_t i = 0; i < length; ++i) to[i] = choice[i * c_step] != 0 ? left[i * a_step] : right[i * b_step];
                 }
               });
}

}  // namespace

extern "C" Status where__scalar(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  const WhereParams& p = *static_cast<const WhereParams*>(params);
  with_size(p.size, [&](auto type) { where<decltype(type)>(p, operands, begin, end); });
  return kOk;
}

}  // namespace sinter
