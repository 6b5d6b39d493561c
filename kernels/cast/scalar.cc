#include "../dtype.h"
#include "../math_bits.h"
#include "cast.h"

namespace sinter {
namespace {

// Stored types whose arithmetic is another one's.
struct Bool {
  uint8_t byte;
};
struct Half {
  uint16_t bits;
};

template <class T>
struct Limits {
  static constexpr bool kSigned = T(-1) < T(0);
  static constexpr int kDigits = 8 * static_cast<int>(sizeof(T)) - (kSigned ? 1 : 0);
  static constexpr T kMax = static_cast<T>(~uint64_t{0} >> (64 - kDigits));
  static constexpr T kMin = kSigned ? static_cast<T>(-kMax - 1) : T(0);
};

// clang-format off
template <class T> T read(T x) { return x; }
uint8_t read(Bool x) { return x.byte != 0 ? 1 : 0; }
float read(Half x) { return half_to_float(x.bits); }
// clang-format on

// A value read before, as the target's stored type.
template <class T>
struct Write {
  template <class From>
  static T from(From x) {
    return static_cast<T>(x);
  }
  static T from(float x) { return clamped(x); }
  static T from(double x) { return clamped(x); }

 private:
  // 2^kDigits is exact in both, and the first value above the range.
  template <class From>
  static T clamped(From x) {
    constexpr From kAbove = From(2) * static_cast<From>(uint64_t{1} << (Limits<T>::kDigits - 1));
    if (x >= kAbove) return Limits<T>::kMax;
    if (x <= (Limits<T>::kSigned ? -kAbove : From(-1))) return Limits<T>::kMin;
    return x == x ? static_cast<T>(x) : T(0);
  }
};

template <>
struct Write<float> {
  template <class From>
  static float from(From x) {
    return static_cast<float>(x);
  }
};

template <>
struct Write<double> {
  template <class From>
  static double from(From x) {
    return static_cast<double>(x);
  }
};

template <>
struct Write<Half> {
  template <class From>
  static Half from(From x) {
    return {float_to_half(static_cast<float>(x))};
  }
};

template <>
struct Write<Bool> {
  template <class From>
  static Bool from(From x) {
    return {static_cast<uint8_t>(x != From(0) ? 1 : 0)};
  }
};

template <class Body>
void with_element(int32_t dtype, Body body) {
  switch (static_cast<DType>(dtype)) {
    case DType::kBool:
      return body(Bool{});
    case DType::kFloat16:
      return body(Half{});
    case DType::kFloat64:
      return body(double{});
    default:
      with_number(dtype, body);
  }
}

template <class From, class To>
void convert(const void* input, void* output, const Elements& range) {
  const From* x = static_cast<const From*>(input);
  To* y = static_cast<To*>(output);
  for (int32_t i = range.begin; i < range.end; ++i) y[i] = Write<To>::from(read(x[i]));
}

}  // namespace

extern "C" Status cast__scalar(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  const CastParams& p = *static_cast<const CastParams*>(params);
  const Elements range = elements(p.count, begin, end);
  with_element(p.source, [&](auto from) {
    with_element(p.target, [&](auto to) { convert<decltype(from), decltype(to)>(operands[0], operands[1], range); });
  });
  return kOk;
}

}  // namespace sinter
