#include "registry.h"

// headers.inc includes the header of every family folder, families.inc its rows; isas.inc defines SINTER_RUN_<isa>(function) as the
// function or nullptr. The build writes all three.
#include "headers.inc"
#include "isas.inc"

namespace sinter {

#define FAMILY(family, Params, in_place)                                                                     \
  Status family##_check(const Kernel& kernel, const void* params, const Extent* operands, size_t count);     \
  int32_t family##_tiles(const Kernel& kernel, const void* params);                                          \
  size_t family##_scratch(const Kernel& kernel, const void* params);                                         \
  namespace {                                                                                                \
  struct family##_family {                                                                                   \
    static constexpr uint32_t kInPlace = in_place, kLayout = Params::layout(), kParamsSize = sizeof(Params); \
  };                                                                                                         \
  }
#define KERNEL(family, name, isa, packing, mr, nr, kr) \
  extern "C" Status name##__##isa(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end);
#include "families.inc"
#undef FAMILY
#undef KERNEL

#define FAMILY(family, Params, in_place)
#define KERNEL(family, name, isa, packing, mr, nr, kr) \
  {#name "__" #isa,                                    \
   #family,                                            \
   #isa,                                               \
   #packing,                                           \
   mr,                                                 \
   nr,                                                 \
   kr,                                                 \
   family##_family::kInPlace,                          \
   family##_family::kLayout,                           \
   family##_family::kParamsSize,                       \
   family##_check,                                     \
   family##_tiles,                                     \
   family##_scratch,                                   \
   SINTER_RUN_##isa(name##__##isa)},
const Kernel kKernels[] = {
#include "families.inc"
};
#undef FAMILY
#undef KERNEL

const size_t kKernelCount = sizeof(kKernels) / sizeof(kKernels[0]);

}  // namespace sinter
