// The records of a plan file, little-endian. The compiler reads these rows for its own record types.
//
// A file is: Header, then section_count Sections, then the sections' bytes, each starting at a multiple of 64. Checksums are CRC-32
// (IEEE 802.3). A reader skips unknown sections, unless their flags say that they are required. Besides the tables of records
// below, the sections are "STRS", zero-terminated UTF-8 that names point into; "PARM", the kernels' params; "WGTS", the constants;
// and "STAT", the first bytes of the state's initial values, zeros following. A missing section is an empty one.
#pragma once

#include "kernels/dtype.h"

namespace sinter::plan {

constexpr char kMagic[8] = {'S', 'I', 'N', 'T', 'E', 'R', '\r', '\n'};
constexpr uint32_t kVersion = 1;
constexpr uint32_t kRequired = 1;

// What a reader refuses to go beyond.
constexpr uint32_t kMaxRecords = 1 << 20;
constexpr uint32_t kMaxOperands = 64;  // of one step
constexpr uint32_t kMaxEntries = 256;
constexpr uint32_t kMaxTensors = 4096;  // of one entry
constexpr uint32_t kMaxGolden = 256;
constexpr uint64_t kMaxNameBytes = 1 << 28;  // all names together

constexpr uint32_t tag(const char (&name)[5]) {
  return static_cast<uint32_t>(name[0]) | static_cast<uint32_t>(name[1]) << 8 | static_cast<uint32_t>(name[2]) << 16 |
         static_cast<uint32_t>(name[3]) << 24;
}

// checksum covers the section table.
#define SINTER_PLAN_HEADER(F, A) \
  F(uint64_t, file_size)         \
  A(uint8_t, magic, 8)           \
  F(uint32_t, version)           \
  F(uint32_t, section_count)     \
  F(uint32_t, checksum)          \
  F(uint32_t, reserved)
SINTER_PARAMS(Header, SINTER_PLAN_HEADER);

#define SINTER_PLAN_SECTION(F, A) \
  F(uint64_t, offset)             \
  F(uint64_t, size)               \
  F(uint32_t, tag)                \
  F(uint32_t, flags)              \
  F(uint32_t, checksum)           \
  F(uint32_t, reserved)
SINTER_PARAMS(Section, SINTER_PLAN_SECTION);

// Where a buffer lies.
constexpr uint32_t kConstants = 0, kArena = 1, kState = 2;

// "KERN": a kernel by name, and the hash of the params rows that it was compiled against.
#define SINTER_PLAN_KERNEL(F, A) \
  F(uint32_t, name)              \
  F(uint32_t, params_layout)
SINTER_PARAMS(KernelRecord, SINTER_PLAN_KERNEL);

// "BUFF": bytes in a region.
#define SINTER_PLAN_BUFFER(F, A) \
  F(uint64_t, offset)            \
  F(uint64_t, size)              \
  F(uint32_t, region)            \
  F(uint32_t, name)
SINTER_PARAMS(BufferRecord, SINTER_PLAN_BUFFER);

// "OPND": a part of a buffer.
#define SINTER_PLAN_OPERAND(F, A) \
  F(uint64_t, offset)             \
  F(uint64_t, size)               \
  F(uint32_t, buffer)             \
  F(uint32_t, reserved)
SINTER_PARAMS(OperandRecord, SINTER_PLAN_OPERAND);

// "STEP": a kernel, its params ("PARM", 16-byte aligned) and its operands, inputs first.
#define SINTER_PLAN_STEP(F, A) \
  F(uint64_t, params)          \
  F(uint64_t, macs)            \
  F(uint32_t, params_size)     \
  F(uint32_t, kernel)          \
  F(uint32_t, operand)         \
  F(uint32_t, inputs)          \
  F(uint32_t, outputs)         \
  F(uint32_t, name)            \
  F(uint32_t, op)              \
  F(uint32_t, reserved)
SINTER_PARAMS(StepRecord, SINTER_PLAN_STEP);

// "TENS": one input or output of an entry. scale is 0 where the tensor is not quantised; dtype is a DType.
#define SINTER_PLAN_TENSOR(F, A) \
  A(int64_t, shape, 8)           \
  F(uint32_t, operand)           \
  F(uint32_t, name)              \
  F(uint32_t, dtype)             \
  F(uint32_t, rank)              \
  F(float, scale)                \
  F(int32_t, zero)
SINTER_PARAMS(TensorRecord, SINTER_PLAN_TENSOR);

// "ENTR": one way to run the model. Tensors: inputs first, then outputs.
#define SINTER_PLAN_ENTRY(F, A) \
  F(uint64_t, arena_bytes)      \
  F(uint64_t, state_bytes)      \
  F(uint32_t, name)             \
  F(uint32_t, step)             \
  F(uint32_t, steps)            \
  F(uint32_t, tensor)           \
  F(uint32_t, inputs)           \
  F(uint32_t, outputs)
SINTER_PARAMS(EntryRecord, SINTER_PLAN_ENTRY);

// "GOLD": what an entry gives in a new context: in "VECT" its inputs, tensor after tensor, and behind them its outputs. Floats may
// differ by tolerance times the largest value of their tensor, everything else must be equal.
#define SINTER_PLAN_GOLDEN(F, A) \
  F(uint64_t, offset)            \
  F(uint32_t, entry)             \
  F(float, tolerance)
SINTER_PARAMS(GoldenRecord, SINTER_PLAN_GOLDEN);

}  // namespace sinter::plan
