// A plan file taken apart: its records in memory of their own, each section's bounds and checksum verified.
#pragma once

#include <vector>

#include "plan_format.h"
#include "support.h"

namespace sinter::runtime {

struct Plan {
  std::vector<plan::KernelRecord> kernels;
  std::vector<plan::BufferRecord> buffers;
  std::vector<plan::OperandRecord> operands;
  std::vector<plan::StepRecord> steps;
  std::vector<plan::TensorRecord> tensors;
  std::vector<plan::EntryRecord> entries;
  std::vector<plan::GoldenRecord> golden;
  std::vector<char> strings;
  std::vector<uint8_t> state;  // initial values; what lies behind them starts as zeros
  AlignedBytes params;
  uint64_t params_size = 0;
  const uint8_t *weights = nullptr, *vectors = nullptr;  // inside the bytes that were parsed
  uint64_t weight_bytes = 0, vector_bytes = 0;

  const char* text(uint32_t offset) const { return &strings[offset]; }
};

// Takes apart what is not trusted: afterwards every section is whole, though no record has been looked at yet. Throws Error.
Plan parse_plan(const uint8_t* bytes, uint64_t size);

// CRC-32 (IEEE 802.3).
uint32_t checksum(const uint8_t* bytes, uint64_t size);

}  // namespace sinter::runtime
