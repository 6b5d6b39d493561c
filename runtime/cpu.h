// Which rows of isa.inc this processor can run.
#pragma once

#include <stddef.h>

namespace sinter::runtime {

struct Isa {
  const char* name;
  bool available;
};

// Every row of isa.inc, in its order: best first within an architecture.
extern const Isa* const kIsas;
extern const size_t kIsaCount;

// The row of that name, or nullptr.
const Isa* find_isa(const char* name);

}  // namespace sinter::runtime
