// Masks of bytes.
#pragma once

#include <stddef.h>

#include "../intrinsics_avx512.h"

namespace sinter {
namespace {

// The first of 64 bytes: none if count <= 0, all if count >= 64.
__mmask64 first_bytes(ptrdiff_t count) { return count <= 0 ? 0 : count >= 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1; }

}  // namespace
}  // namespace sinter
