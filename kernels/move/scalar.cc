#include "move.h"

namespace sinter {
namespace {

// One row of the last axis.
template <class T>
void move_row(const T* in, T* out, int32_t count, ptrdiff_t in_stride, ptrdiff_t out_stride) {
  if (in_stride == 1 && out_stride == 1) {
    if (static_cast<size_t>(count) * sizeof(T) >= 64) {
      __builtin_memcpy(out, in, static_cast<size_t>(count) * sizeof(T));
      return;
    }
    for (int32_t i = 0; i < count; ++i) out[i] = in[i];
  } else if (out_stride == 1) {
    for (int32_t i = 0; i < count; ++i) out[i] = in[i * in_stride];
  } else {
    for (int32_t i = 0; i < count; ++i) out[i * out_stride] = in[i * in_stride];
  }
}

// Rows whose input runs along the rows and not along the last axis: short stretches of each row in turn, so that a cache line of
// the input serves every row while it is near.
template <class T>
void move_transposed(const MoveParams& p, const T* in, T* out, int32_t rows) {
  constexpr int32_t kStretch = 64 / static_cast<int32_t>(sizeof(T));
  for (int32_t first = 0; first < p.shape[7]; first += kStretch) {
    const int32_t count = p.shape[7] - first < kStretch ? p.shape[7] - first : kStretch;
    for (int32_t row = 0; row < rows; ++row) {
      move_row(in + ptrdiff_t{first} * p.in_stride[7] + ptrdiff_t{row} * p.in_stride[6],
               out + ptrdiff_t{first} * p.out_stride[7] + ptrdiff_t{row} * p.out_stride[6], count, p.in_stride[7], p.out_stride[7]);
    }
  }
}

template <class T>
void move(const MoveParams& p, void* const* operands, int32_t begin, int32_t end) {
  const T* input = static_cast<const T*>(operands[0]);
  T* output = static_cast<T*>(operands[1]);
  const int32_t blocks = div_up(p.shape[6], kMoveRows);
  for (int32_t tile = begin; tile < end; ++tile) {
    const int32_t first = tile % blocks * kMoveRows;
    const int32_t rows = p.shape[6] - first < kMoveRows ? p.shape[6] - first : kMoveRows;
    ptrdiff_t in = p.in_offset + ptrdiff_t{first} * p.in_stride[6], out = p.out_offset + ptrdiff_t{first} * p.out_stride[6];
    int32_t rest = tile / blocks;
    for (int axis = 5; axis >= 0 && rest != 0; --axis) {
      in += ptrdiff_t{rest % p.shape[axis]} * p.in_stride[axis];
      out += ptrdiff_t{rest % p.shape[axis]} * p.out_stride[axis];
      rest /= p.shape[axis];
    }
    if (p.in_stride[6] == 1 && p.in_stride[7] != 1) {
      move_transposed(p, input + in, output + out, rows);
      continue;
    }
    for (int32_t row = 0; row < rows; ++row) {
      move_row(input + in + ptrdiff_t{row} * p.in_stride[6], output + out + ptrdiff_t{row} * p.out_stride[6], p.shape[7],
               p.in_stride[7], p.out_stride[7]);
    }
  }
}

}  // namespace

extern "C" Status move__scalar(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  const MoveParams& p = *static_cast<const MoveParams*>(params);
  with_size(p.size, [&](auto type) { move<decltype(type)>(p, operands, begin, end); });
  return kOk;
}

}  // namespace sinter
