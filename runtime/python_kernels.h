// The kernel table as Python functions, for the compiler and the kernel tests.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

namespace sinter::runtime {

void bind_kernels(pybind11::module_& module);

}  // namespace sinter::runtime
