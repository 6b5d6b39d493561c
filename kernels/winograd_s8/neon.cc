#include "neon.h"

namespace sinter {
namespace {

struct Neon {
  static constexpr int32_t kTogether = 4, kColumns = 16;
};

}  // namespace

extern "C" Status winograd_s8_8x16k2__neon(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end) {
  return winograd<WinogradNeon<Neon>>(params, operands, scratch, begin, end);
}

}  // namespace sinter
