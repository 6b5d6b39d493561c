#include "neon.h"

namespace sinter {
namespace {

struct Armv7Neon {};

}  // namespace

extern "C" Status pool_max_s8_1x16__armv7_neon(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  return PoolMaxS8<Armv7Neon>::run(params, operands, begin, end);
}

}  // namespace sinter
