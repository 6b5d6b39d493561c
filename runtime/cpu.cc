#include "cpu.h"

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#elif (defined(__aarch64__) || defined(__arm__)) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace sinter::runtime {
namespace {

#if defined(__x86_64__)
struct Registers {
  uint32_t a = 0, b = 0, c = 0, d = 0;
};

// CPUID leaf; all zero where the processor does not have it.
Registers cpuid(uint32_t leaf, uint32_t subleaf) {
  Registers r;
  if (__get_cpuid_count(leaf, subleaf, &r.a, &r.b, &r.c, &r.d) == 0) return Registers();
  return r;
}

// Whether the operating system saves the register sets of these XCR0 bits.
bool saves(uint32_t bits) {
  if ((cpuid(1, 0).c >> 27 & 1) == 0) return false;
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (low & bits) == bits;
}
#elif (defined(__aarch64__) || defined(__arm__)) && defined(__linux__)
// A bit of what the kernel says of the processor, by the numbers of its asm/hwcap.h.
bool hwcap(unsigned long type, int bit) { return (getauxval(type) >> bit & 1) != 0; }
#endif

// One function per row of isa.inc: AVX2, FMA and F16C come together in every processor that has the first.
bool detect_avx2() {
#if defined(__x86_64__)
  const uint32_t leaf1 = cpuid(1, 0).c, leaf7 = cpuid(7, 0).b;
  return (leaf7 >> 5 & 1) != 0 && (leaf1 >> 12 & 1) != 0 && (leaf1 >> 29 & 1) != 0 && saves(6);
#else
  return false;
#endif
}

bool detect_avx512() {
#if defined(__x86_64__)
  // F, DQ, CD, BW, VL; VBMI, VNNI.
  constexpr uint32_t kWide = 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31, kBytes = 1u << 1 | 1u << 11;
  const Registers leaf7 = cpuid(7, 0);
  return detect_avx2() && (leaf7.b & kWide) == kWide && (leaf7.c & kBytes) == kBytes && saves(0xe6);
#else
  return false;
#endif
}

bool detect_neon() {
#if defined(__aarch64__) && defined(__linux__)
  return hwcap(AT_HWCAP, 1);
#elif defined(__aarch64__)
  return true;
#else
  return false;
#endif
}

bool detect_neon_dotprod() {
#if defined(__aarch64__) && defined(__linux__)
  return detect_neon() && hwcap(AT_HWCAP, 20);
#else
  return false;
#endif
}

bool detect_neon_i8mm() {
#if defined(__aarch64__) && defined(__linux__)
  return detect_neon_dotprod() && hwcap(AT_HWCAP2, 13);
#else
  return false;
#endif
}

// NEON and the fused multiply-add of VFPv4.
bool detect_armv7_neon() {
#if defined(__arm__) && defined(__linux__)
  return hwcap(AT_HWCAP, 12) && hwcap(AT_HWCAP, 16);
#else
  return false;
#endif
}

bool detect_scalar() { return true; }

#define ISA(name, architecture, flags) {#name, detect_##name()},
const Isa kRows[] = {
#include "kernels/isa.inc"
};
#undef ISA

}  // namespace

const Isa* const kIsas = kRows;
const size_t kIsaCount = sizeof(kRows) / sizeof(kRows[0]);

const Isa* find_isa(const char* name) {
  for (size_t i = 0; i < kIsaCount; ++i) {
    if (strcmp(kRows[i].name, name) == 0) return &kRows[i];
  }
  return nullptr;
}

}  // namespace sinter::runtime
