// The contract between the compiler, the runtime and every kernel.
//
// A family is a folder: <family>.h states the arithmetic, the packing and the params; <family>.cc holds what is the same for all of
// its kernels (check, tiles, scratch); <isa>.cc holds the kernels themselves; kernels.inc lists them, best first.
//
// Functions in headers are static: the linker merges others, and might take the copy that was compiled for a wider instruction set.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace sinter {

enum Status : int32_t {
  kOk = 0,
  kUnsupported = 1,  // well-formed, but not for this kernel: the chooser tries the next one
  kBadParams = 2,    // a field lies outside the range that the family's header states
  kBadOperands = 3,  // wrong number of operands, or one too small, misaligned or not writable
  kBadValue = 4,     // found while running: data that must be a valid index is not
};

// What is known of one operand before it exists: inputs and constants first, outputs last.
struct Extent {
  uint64_t bytes;
  uint32_t alignment;  // of its first byte, a power of two
  uint32_t writable;   // 1 for outputs
};

struct Kernel;

// Proves that run() stays inside operands of these extents whatever their contents.
using CheckFunction = Status (*)(const Kernel& kernel, const void* params, const Extent* operands, size_t count);
// The number of independent tiles; run() may be called on any split of [0, tiles).
using TilesFunction = int32_t (*)(const Kernel& kernel, const void* params);
// Scratch bytes that one worker needs, 64-byte aligned when handed to run().
using ScratchFunction = size_t (*)(const Kernel& kernel, const void* params);
using RunFunction = Status (*)(const void* params, void* const* operands, void* scratch, int32_t begin, int32_t end);

// One row of a kernels.inc.
struct Kernel {
  const char* name;  // <family>[_<tile>]__<isa>
  const char* family;
  const char* isa;      // a row of isa.inc
  const char* packing;  // kernels of one family with equal packing read the same constants
  int32_t mr, nr, kr;   // tile: rows, columns, and depth of one packed group
  uint32_t in_place;    // bit i: the output may share memory with input i of equal size
  uint32_t layout;      // hash of the params rows
  uint32_t params_size;
  CheckFunction check;
  TilesFunction tiles;
  ScratchFunction scratch;
  RunFunction run;  // null when this build lacks the instruction set
};

constexpr uint32_t layout_hash(const char* text) {
  uint32_t h = 2166136261u;
  for (; *text != 0; ++text) h = (h ^ static_cast<uint8_t>(*text)) * 16777619u;
  return h;
}

// Params are written once, as rows F(type, name) and A(type, name, count), widest types first so that nothing is padded.
// The compiler reads the same rows for its own record type; the hash of their text travels in every plan.
#define SINTER_FIELD(type, name) type name;
#define SINTER_ARRAY(type, name, count) type name[count];
#define SINTER_FIELD_TEXT(type, name) #type " " #name ";"
#define SINTER_ARRAY_TEXT(type, name, count) #type " " #name "[" #count "];"
#define SINTER_FIELD_SIZE(type, name) +sizeof(type)
#define SINTER_ARRAY_SIZE(type, name, count) +sizeof(type) * (count)
#define SINTER_PARAMS(Struct, ROWS)                                                                        \
  struct Struct {                                                                                          \
    ROWS(SINTER_FIELD, SINTER_ARRAY)                                                                       \
    static constexpr uint32_t layout() { return layout_hash(ROWS(SINTER_FIELD_TEXT, SINTER_ARRAY_TEXT)); } \
  };                                                                                                       \
  static_assert(sizeof(Struct) == 0 ROWS(SINTER_FIELD_SIZE, SINTER_ARRAY_SIZE), "params must not be padded")

}  // namespace sinter
