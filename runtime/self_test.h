// Runs a plan's golden examples and compares.
#pragma once

#include "model.h"

namespace sinter::runtime {

// The number of examples, all of which a new context of this many threads reproduced. Throws Error that says where one differs.
size_t self_test(std::shared_ptr<const Model> model, int threads);

}  // namespace sinter::runtime
