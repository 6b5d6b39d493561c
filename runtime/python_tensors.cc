#include "python_tensors.h"

#include <math.h>
#include <string.h>

#include <limits>

namespace sinter::runtime {
namespace {

// round(x / scale), halves away from zero, plus the zero point, clamped to T. Not-a-number becomes the zero point.
template <class T>
void quantize(const char* from, uint8_t* to, size_t count, float scale, int32_t zero) {
  constexpr double low = std::numeric_limits<T>::min(), high = std::numeric_limits<T>::max();
  for (size_t i = 0; i < count; ++i) {
    float real;
    memcpy(&real, from + i * sizeof(float), sizeof(float));
    const double rounded = static_cast<double>(roundf(real / scale));
    const double shifted = isnan(rounded) ? zero : rounded + zero;
    const T stored = static_cast<T>(shifted < low ? low : shifted > high ? high : shifted);
    memcpy(to + i * sizeof(T), &stored, sizeof(T));
  }
}

template <class T>
void dequantize(const uint8_t* from, char* to, size_t count, float scale, int32_t zero) {
  for (size_t i = 0; i < count; ++i) {
    T stored;
    memcpy(&stored, from + i * sizeof(T), sizeof(T));
    const float real = scale * static_cast<float>(int64_t{stored} - zero);
    memcpy(to + i * sizeof(float), &real, sizeof(float));
  }
}

int32_t dtype_of(const InterfaceTensor& t) { return static_cast<int32_t>(t.tensor->record->dtype); }

std::string text(const py::handle& object) { return py::str(object).cast<std::string>(); }
std::string text(const char* part) { return part; }

template <class... Parts>
[[noreturn]] void refuse(const Parts&... parts) {
  std::string message;
  ((message += text(parts)), ...);
  throw py::value_error(message);
}

py::tuple shape_of(const py::array& array) { return py::cast<py::tuple>(array.attr("shape")); }

bool has_shape(const py::array& array, const InterfaceTensor& t) {
  const plan::TensorRecord& record = *t.tensor->record;
  if (array.ndim() != static_cast<py::ssize_t>(record.rank)) return false;
  for (uint32_t i = 0; i < record.rank; ++i) {
    if (array.shape(i) != record.shape[i]) return false;
  }
  return true;
}

// The objects given for `tensors`, in their order.
std::vector<py::object> in_order(const std::vector<InterfaceTensor>& tensors, const py::object& given, const char* what) {
  std::vector<py::object> objects;
  if (py::isinstance<py::dict>(given)) {
    const py::dict named = py::reinterpret_borrow<py::dict>(given);
    for (const InterfaceTensor& t : tensors) {
      if (!named.contains(t.name)) refuse(what, " '", t.name, "' is missing, got ", py::list(named));
      objects.push_back(named[t.name]);
    }
    if (named.size() != tensors.size()) {
      py::list expected;
      for (const InterfaceTensor& t : tensors) expected.append(t.name);
      refuse("got ", what, "s named ", py::list(named), ", expected ", expected);
    }
  } else if (py::isinstance<py::tuple>(given) || py::isinstance<py::list>(given)) {
    for (const py::handle& item : py::reinterpret_borrow<py::sequence>(given))
      objects.push_back(py::reinterpret_borrow<py::object>(item));
    if (objects.size() != tensors.size())
      refuse("got ", py::int_(objects.size()), " ", what, "s, expected ", py::int_(tensors.size()));
  } else {
    if (tensors.size() != 1) refuse("got one ", what, ", expected ", py::int_(tensors.size()), ", as a tuple or as a dict by name");
    objects.push_back(given);
  }
  return objects;
}

}  // namespace

py::str decoded(const char* text) {
  PyObject* decoded = PyUnicode_DecodeUTF8(text, static_cast<Py_ssize_t>(strlen(text)), "replace");
  if (decoded == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::str>(decoded);
}

InterfaceTensor::InterfaceTensor(const Tensor& t)
    : tensor(&t), name(decoded(t.name)), shape(t.record->rank), scale(t.record->scale), zero_point(t.record->zero) {
  static const char* const kNames[] = {"float32", "int8",  "uint8",  "int16", "uint16",  "int32",
                                       "uint32",  "int64", "uint64", "bool",  "float16", "float64"};
  static_assert(sizeof(kNames) / sizeof(kNames[0]) == kDTypeCount);
  dtype = py::dtype(kNames[t.record->dtype]);
  for (uint32_t i = 0; i < t.record->rank; ++i) shape[i] = t.record->shape[i];
}

py::tuple tensor_tuple(const std::vector<InterfaceTensor>& tensors) {
  py::tuple result(tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) result[i] = py::cast(tensors[i], py::return_value_policy::copy);
  return result;
}

void bind_tensors(py::module_& module) {
  py::class_<InterfaceTensor>(module, "Tensor")
      .def_readonly("name", &InterfaceTensor::name)
      .def_readonly("shape", &InterfaceTensor::shape)
      .def_readonly("dtype", &InterfaceTensor::dtype)
      .def_readonly("scale", &InterfaceTensor::scale)
      .def_readonly("zero_point", &InterfaceTensor::zero_point)
      .def("__repr__", [](const InterfaceTensor& t) {
        return py::str("Tensor(name={!r}, shape={}, dtype={}, scale={}, zero_point={})")
            .format(t.name, t.shape, t.dtype, t.scale, t.zero_point);
      });
}

InputArrays::InputArrays(const std::vector<InterfaceTensor>& tensors, const py::object& given) {
  arrays_.reserve(tensors.size());
  items_.reserve(tensors.size());
  const std::vector<py::object> objects = in_order(tensors, given, "input");
  for (size_t i = 0; i < tensors.size(); ++i) {
    const InterfaceTensor& t = tensors[i];
    py::array array = py::array::ensure(objects[i]);
    if (!array) {
      PyErr_Clear();
      refuse("input '", t.name, "' is a ", py::type::of(objects[i]).attr("__name__"), ", expected an array");
    }
    const bool same = array.dtype().is(t.dtype) || array.dtype().equal(t.dtype);
    const bool quantizes = !same && t.quantized() && array.dtype().kind() == 'f';
    if (!same && !quantizes) {
      refuse("input '", t.name, "' has dtype ", array.dtype(), ", expected ", t.dtype, t.quantized() ? " or float32" : "");
    }
    if (!has_shape(array, t)) refuse("input '", t.name, "' has shape ", shape_of(array), ", expected ", t.shape);
    if (quantizes)
      array = py::array_t<float, py::array::c_style | py::array::forcecast>::ensure(array);
    else if ((array.flags() & py::array::c_style) == 0)
      array = py::array::ensure(array, py::array::c_style);
    if (!array) throw py::error_already_set();
    floats_ = floats_ || quantizes;
    if (!array.is(objects[i])) copied_ = &t.name;
    items_.push_back({&t, array.data(), quantizes});
    arrays_.push_back(std::move(array));
  }
}

void InputArrays::store(Context& context) const {
  for (const Item& item : items_) {
    const Tensor& t = *item.tensor->tensor;
    uint8_t* to = context.data(t);
    if (!item.quantize) {
      memcpy(to, item.data, static_cast<size_t>(t.bytes));
      continue;
    }
    with_stored(dtype_of(*item.tensor), [&](auto zero) {
      using T = decltype(zero);
      quantize<T>(static_cast<const char*>(item.data), to, static_cast<size_t>(t.bytes) / sizeof(T), item.tensor->scale,
                  item.tensor->zero_point);
    });
  }
}

OutputArrays::OutputArrays(const std::vector<InterfaceTensor>& tensors, const py::object& given, bool floats)
    : result_(tensors.size()) {
  items_.reserve(tensors.size());
  std::vector<py::object> objects;
  if (!given.is_none()) objects = in_order(tensors, given, "output");
  static const py::dtype float32("float32");
  for (size_t i = 0; i < tensors.size(); ++i) {
    const InterfaceTensor& t = tensors[i];
    py::array array;
    if (objects.empty()) {
      const plan::TensorRecord& record = *t.tensor->record;
      array = py::array(floats && t.quantized() ? float32 : t.dtype,
                        std::vector<py::ssize_t>(record.shape, record.shape + record.rank));
    } else {
      if (!py::isinstance<py::array>(objects[i])) {
        refuse("output '", t.name, "' is a ", py::type::of(objects[i]).attr("__name__"), ", expected an array to write to");
      }
      array = py::reinterpret_borrow<py::array>(objects[i]);
    }
    const bool same = array.dtype().is(t.dtype) || array.dtype().equal(t.dtype);
    const bool dequantizes = !same && t.quantized() && array.dtype().equal(float32);
    if (!same && !dequantizes) {
      refuse("output '", t.name, "' has dtype ", array.dtype(), ", expected ", t.dtype, t.quantized() ? " or float32" : "");
    }
    if (!has_shape(array, t)) refuse("output '", t.name, "' has shape ", shape_of(array), ", expected ", t.shape);
    if ((array.flags() & py::array::c_style) == 0 || !array.writeable()) {
      refuse("output '", t.name, "' must be C-contiguous and writeable");
    }
    items_.push_back({&t, array.mutable_data(), dequantizes});
    result_[i] = std::move(array);
  }
}

void OutputArrays::load(Context& context) const {
  for (const Item& item : items_) {
    const Tensor& t = *item.tensor->tensor;
    const uint8_t* from = context.data(t);
    if (!item.dequantize) {
      memcpy(item.data, from, static_cast<size_t>(t.bytes));
      continue;
    }
    with_stored(dtype_of(*item.tensor), [&](auto zero) {
      using T = decltype(zero);
      dequantize<T>(from, static_cast<char*>(item.data), static_cast<size_t>(t.bytes) / sizeof(T), item.tensor->scale,
                    item.tensor->zero_point);
    });
  }
}

}  // namespace sinter::runtime
