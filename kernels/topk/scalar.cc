#include "../dtype.h"
#include "../order.h"
#include "topk.h"

namespace sinter {
namespace {

// One slice along the axis.
template <class T>
struct Slice {
  const T* data;
  ptrdiff_t stride;
  bool smallest;

  // Whether element a comes after element b.
  bool after(int32_t a, int32_t b) const {
    const T x = sort_key(data[a * stride]), y = sort_key(data[b * stride]);
    if (x == y) return a > b;
    return smallest ? x > y : x < y;
  }

  // Restores the heap of `count` indices, the last in order at its root, from position `at` down.
  void sift(int32_t* heap, int32_t count, int32_t at) const {
    const int32_t moved = heap[at];
    for (int32_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
      if (child + 1 < count && after(heap[child + 1], heap[child])) ++child;
      if (!after(heap[child], moved)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = moved;
  }
};

template <class T>
void select(const Slice<T>& slice, const TopkParams& p, int32_t* heap) {
  for (int32_t i = 0; i < p.k; ++i) heap[i] = i;
  for (int32_t at = p.k / 2 - 1; at >= 0; --at) slice.sift(heap, p.k, at);
  for (int32_t i = p.k; i < p.extent; ++i) {
    if (slice.after(i, heap[0])) continue;
    heap[0] = i;
    slice.sift(heap, p.k, 0);
  }
  for (int32_t count = p.k - 1; count > 0; --count) {
    const int32_t last = heap[0];
    heap[0] = heap[count];
    heap[count] = last;
    slice.sift(heap, count, 0);
  }
}

}  // namespace

extern "C" Status topk__scalar(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  const TopkParams& p = *static_cast<const TopkParams*>(params);
  int32_t* heap = static_cast<int32_t*>(scratch);
  with_number(p.dtype, [&](auto type) {
    using T = decltype(type);
    T* values = static_cast<T*>(operands[1]);
    for (int32_t tile = begin; tile < end; ++tile) {
      const ptrdiff_t outer = tile / p.inner, inner = tile % p.inner;
      const Slice<T> slice{static_cast<const T*>(operands[0]) + outer * p.extent * p.inner + inner, p.inner, p.smallest != 0};
      select(slice, p, heap);
      for (int32_t j = 0; j < p.k; ++j) {
        const ptrdiff_t at = (outer * p.k + j) * p.inner + inner;
        values[at] = slice.data[heap[j] * slice.stride];
        write_index(operands[2], p.index_size, at, heap[j]);
      }
    }
  });
  return kOk;
}

}  // namespace sinter
