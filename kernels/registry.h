// Every kernel that this build knows, from the rows of all kernels.inc; rows of one family keep their order, best first.
#pragma once

#include "kernel.h"

namespace sinter {

extern const Kernel kKernels[];
extern const size_t kKernelCount;

}  // namespace sinter
