#include "lookup_x8.h"

namespace sinter {

extern "C" Status lookup_x8__scalar(const void* params, void* const* operands, void*, int32_t begin, int32_t end) {
  const LookupX8Params& p = *static_cast<const LookupX8Params*>(params);
  const uint8_t* x = static_cast<const uint8_t*>(operands[0]);
  const uint8_t* table = static_cast<const uint8_t*>(operands[1]);
  uint8_t* y = static_cast<uint8_t*>(operands[2]);
  const Elements range = elements(p.count, begin, end);
  for (int32_t i = range.begin; i < range.end; ++i) y[i] = table[x[i]];
  return kOk;
}

}  // namespace sinter
