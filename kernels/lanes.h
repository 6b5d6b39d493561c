// Folding in a fixed number of lanes, so that a compiler may vectorise it and every instruction set gives the same bits.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace sinter {

constexpr int kLanes = 8;

// The lanes joined in pairs: 0 with 4, 1 with 5 and so on, then halves again.
template <class T, class Join>
static inline T join_lanes(T (&lanes)[kLanes], Join join) {
  for (int half = kLanes / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) lanes[i] = join(lanes[i], lanes[i + half]);
  }
  return lanes[0];
}

// fold(fold(first, x[l]), x[l + kLanes]) ... for each lane l, then the lanes joined.
template <class T, class Fold, class Join>
static inline T fold_lanes(const T* x, int32_t count, T first, Fold fold, Join join) {
  T lanes[kLanes];
  for (int l = 0; l < kLanes; ++l) lanes[l] = first;
  int32_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int l = 0; l < kLanes; ++l) lanes[l] = fold(lanes[l], x[i + l]);
  }
  for (int l = 0; i + l < count; ++l) lanes[l] = fold(lanes[l], x[i + l]);
  return join_lanes(lanes, join);
}

}  // namespace sinter
