// Helpers for check functions: arithmetic that cannot overflow, and the test of one operand.
#pragma once

#include "kernel.h"

namespace sinter {

// A byte or element count that sticks at its maximum instead of overflowing.
struct Count {
  uint64_t value;

  static constexpr uint64_t kMax = ~uint64_t{0};
  constexpr Count(uint64_t v) : value(v) {}
  constexpr Count(int32_t v) : value(v < 0 ? kMax : static_cast<uint64_t>(v)) {}
  friend constexpr Count operator*(Count a, Count b) {
    if (a.value == 0 || b.value == 0) return Count(uint64_t{0});
    return a.value > kMax / b.value ? Count(kMax) : Count(a.value * b.value);
  }
  friend constexpr bool operator<=(Count a, Count b) { return a.value <= b.value; }
  friend constexpr Count operator+(Count a, Count b) { return a.value > kMax - b.value ? Count(kMax) : Count(a.value + b.value); }
};

static constexpr bool in_range(int64_t value, int64_t low, int64_t high) { return low <= value && value <= high; }

// a / b rounded up, for positive b.
static constexpr int32_t div_up(int32_t a, int32_t b) { return a / b + (a % b != 0 ? 1 : 0); }
static constexpr uint64_t round_up(uint64_t a, uint64_t b) { return (a + b - 1) / b * b; }

// True when the operand holds at least `elements` of type T and starts on T's alignment.
template <class T>
static constexpr bool holds(const Extent& operand, Count elements) {
  return operand.bytes >= (elements * Count(uint64_t{sizeof(T)})).value && operand.alignment >= alignof(T);
}

// True when the operand holds `count` elements of `size` bytes and is aligned to one.
constexpr bool holds_elements(const Extent& operand, int32_t size, Count count) {
  return operand.bytes >= (count * Count(size)).value && operand.alignment >= static_cast<uint32_t>(size);
}

}  // namespace sinter
