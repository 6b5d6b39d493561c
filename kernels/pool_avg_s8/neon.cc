#include "neon.h"

namespace sinter {
namespace {

struct Neon {};

}  // namespace

extern "C" Status pool_avg_s8_1x16__neon(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  return PoolAvgS8<Neon>::run(params, operands, begin, end);
}

}  // namespace sinter
