// Proves a parsed plan: records that agree with each other, kernels that stay inside their operands, memory that nothing shares.
#pragma once

#include <functional>

#include "plan.h"

namespace sinter::runtime {

// What one context needs.
struct MemoryNeed {
  uint64_t arena = 0;    // the largest entry's
  uint64_t state = 0;    // shared by the entries
  uint64_t scratch = 0;  // of one worker, a multiple of 64
};

// Verifies every index, range and size of the records. Throws Error.
void verify_records(const Plan& plan);

// The kernel that runs each step: the one named, or the best that reads the same constants where the processor lacks its
// instruction set; `isa`, unless null, is the best row of isa.inc that may be used. Every step's check has passed. Throws Error.
std::vector<const Kernel*> choose_kernels(const Plan& plan, const char* isa, const std::function<void(const std::string&)>& log);

// Re-proves the memory plan: no two buffers that are live together overlap, but for the pairs that a kernel works on in place, and
// nothing is read before it is written. Throws Error.
void verify_memory(const Plan& plan, const std::vector<const Kernel*>& kernels);

MemoryNeed memory_need(const Plan& plan, const std::vector<const Kernel*>& kernels);

}  // namespace sinter::runtime
