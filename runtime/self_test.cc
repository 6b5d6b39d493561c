#include "self_test.h"

#include <math.h>
#include <string.h>

#include <algorithm>

#include "context.h"

namespace sinter::runtime {
namespace {

template <class T>
T element(const uint8_t* bytes, size_t index) {
  T value;
  memcpy(&value, bytes + index * sizeof(T), sizeof(T));
  return value;
}

// The first element that differs, or the number of elements.
template <class Float>
size_t compare_floats(const uint8_t* found, const uint8_t* expected, size_t count, double tolerance) {
  double largest = 0;
  for (size_t i = 0; i < count; ++i) {
    const double magnitude = fabs(static_cast<double>(element<Float>(expected, i)));
    if (isfinite(magnitude)) largest = std::max(largest, magnitude);
  }
  for (size_t i = 0; i < count; ++i) {
    const double a = static_cast<double>(element<Float>(found, i)), b = static_cast<double>(element<Float>(expected, i));
    const bool equal = a == b || (isnan(a) && isnan(b));
    if (!equal && !(fabs(a - b) <= tolerance * largest)) return i;
  }
  return count;
}

size_t compare(const Tensor& tensor, const uint8_t* found, const uint8_t* expected, double tolerance) {
  const size_t size = kDTypeSize[tensor.record->dtype], count = static_cast<size_t>(tensor.bytes) / size;
  const DType dtype = static_cast<DType>(tensor.record->dtype);
  if (dtype == DType::kFloat32) return compare_floats<float>(found, expected, count, tolerance);
  if (dtype == DType::kFloat64) return compare_floats<double>(found, expected, count, tolerance);
  for (size_t i = 0; i < count; ++i) {
    if (memcmp(found + i * size, expected + i * size, size) != 0) return i;
  }
  return count;
}

}  // namespace

size_t self_test(std::shared_ptr<const Model> model, int threads) {
  Context context(model, threads);
  const Plan& plan = model->plan();
  for (size_t index = 0; index < plan.golden.size(); ++index) {
    const plan::GoldenRecord& golden = plan.golden[index];
    const Entry& entry = model->entries()[golden.entry];
    const uint8_t* at = plan.vectors + golden.offset;
    context.reset();
    for (const Tensor& input : entry.inputs) {
      memcpy(context.data(input), at, static_cast<size_t>(input.bytes));
      at += input.bytes;
    }
    if (context.run(entry) != kOk) fail(SINTER_WRONG_RESULT, "golden example ", index, ": ", context.error());
    for (const Tensor& output : entry.outputs) {
      const size_t where = compare(output, context.data(output), at, static_cast<double>(golden.tolerance));
      if (where * kDTypeSize[output.record->dtype] != output.bytes) {
        fail(SINTER_WRONG_RESULT, "golden example ", index, ": output ", quoted(output.name), " differs at element ", where);
      }
      at += output.bytes;
    }
  }
  return plan.golden.size();
}

}  // namespace sinter::runtime
