// Element types, and code chosen by them.
#pragma once

#include "kernel.h"

namespace sinter {

// The numbers stand in plans and params, in the order that the compiler's ir.DTYPES has too.
enum class DType : int32_t {
  kFloat32,
  kInt8,
  kUint8,
  kInt16,
  kUint16,
  kInt32,
  kUint32,
  kInt64,
  kUint64,
  kBool,
  kFloat16,
  kFloat64
};
constexpr uint32_t kDTypeSize[] = {4, 1, 1, 2, 2, 4, 4, 8, 8, 1, 2, 8};
constexpr uint32_t kDTypeCount = sizeof(kDTypeSize) / sizeof(kDTypeSize[0]);

// Calls body with a value of a type that quantised tensors are stored in, int8 to int32 without uint32; false where dtype is none.
template <class Body>
static inline bool with_stored(int32_t dtype, Body body) {
  switch (static_cast<DType>(dtype)) {
    case DType::kInt8:
      body(int8_t{});
      return true;
    case DType::kUint8:
      body(uint8_t{});
      return true;
    case DType::kInt16:
      body(int16_t{});
      return true;
    case DType::kUint16:
      body(uint16_t{});
      return true;
    case DType::kInt32:
      body(int32_t{});
      return true;
    default:
      return false;
  }
}

// Calls body with a value of the integer type; false where dtype is none.
template <class Body>
static inline bool with_integer(int32_t dtype, Body body) {
  switch (static_cast<DType>(dtype)) {
    case DType::kUint32:
      body(uint32_t{});
      return true;
    case DType::kInt64:
      body(int64_t{});
      return true;
    case DType::kUint64:
      body(uint64_t{});
      return true;
    default:
      return with_stored(dtype, body);
  }
}

// Calls body with a value of the integer type or a float; false where dtype is neither.
template <class Body>
static inline bool with_number(int32_t dtype, Body body) {
  if (dtype != static_cast<int32_t>(DType::kFloat32)) return with_integer(dtype, body);
  body(float{});
  return true;
}

// The type in which sums and products of T are defined whatever they are: unsigned and at least as wide, a float itself.
template <class T>
struct WrappingType {
  using Type = decltype(T{} + 0u);
};
template <>
struct WrappingType<int64_t> {
  using Type = uint64_t;
};
template <class T>
using Wrapping = typename WrappingType<T>::Type;

// Bytes of one element; 0 for an unknown type.
constexpr int32_t dtype_size(int32_t dtype) {
  const uint32_t index = static_cast<uint32_t>(dtype);
  return index < kDTypeCount ? static_cast<int32_t>(kDTypeSize[index]) : 0;
}

}  // namespace sinter
