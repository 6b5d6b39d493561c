// Numpy arrays in and out of a context: names, shapes and dtypes verified, floats quantised and given back.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include "context.h"

namespace sinter::runtime {

namespace py = pybind11;

// Text out of a plan; bytes that are no UTF-8 are replaced.
py::str decoded(const char* text);

// An input or output as Python sees it; it copies what it needs, so that it may outlive the model.
struct InterfaceTensor {
  explicit InterfaceTensor(const Tensor& tensor);
  bool quantized() const { return scale != 0; }

  const Tensor* tensor;
  py::str name;
  py::tuple shape;
  py::dtype dtype;
  float scale;
  int32_t zero_point;
};

py::tuple tensor_tuple(const std::vector<InterfaceTensor>& tensors);
void bind_tensors(py::module_& module);

// The arrays given for a run: one array, a tuple or list in order, or a dict by name. Throws py::value_error.
class InputArrays {
 public:
  InputArrays(const std::vector<InterfaceTensor>& tensors, const py::object& given);
  // Whether floats were given for a quantised input.
  bool floats() const { return floats_; }
  // The name of an input for which something else is read than the array given, or null.
  const py::str* copied() const { return copied_; }
  // Writes the inputs into the context, quantising floats. Needs no GIL.
  void store(Context& context) const;

 private:
  struct Item {
    const InterfaceTensor* tensor;
    const void* data;
    bool quantize;
  };
  std::vector<py::array> arrays_;
  std::vector<Item> items_;
  bool floats_ = false;
  const py::str* copied_ = nullptr;
};

// The arrays that a run fills: those given as `out`, or new ones, of float32 for quantised outputs where floats are wanted.
class OutputArrays {
 public:
  OutputArrays(const std::vector<InterfaceTensor>& tensors, const py::object& given, bool floats);
  // Reads the outputs out of the context, dequantising into float32 arrays. Needs no GIL.
  void load(Context& context) const;
  py::tuple result() const { return result_; }

 private:
  struct Item {
    const InterfaceTensor* tensor;
    void* data;
    bool dequantize;
  };
  py::tuple result_;
  std::vector<Item> items_;
};

}  // namespace sinter::runtime
