// Plans made by hand, record by record, for the C++ tests.
#pragma once

#include <string.h>

#include <string>
#include <vector>

#include "kernels/conv_s8/conv_s8.h"
#include "kernels/registry.h"
#include "runtime/plan.h"

namespace sinter {

class PlanBuilder {
 public:
  // The first int8 convolution of that instruction set.
  static const Kernel& convolution(const char* isa) {
    const Kernel* kernel = kKernels;
    while (strcmp(kernel->family, "conv_s8") != 0 || strcmp(kernel->isa, isa) != 0) ++kernel;
    return *kernel;
  }

  std::vector<plan::KernelRecord> kernels;
  std::vector<plan::BufferRecord> buffers;
  std::vector<plan::OperandRecord> operands;
  std::vector<plan::StepRecord> steps;
  std::vector<plan::TensorRecord> tensors;
  std::vector<plan::EntryRecord> entries;
  std::vector<plan::GoldenRecord> golden;
  std::string strings;
  std::vector<uint8_t> params, weights, state, vectors;
  bool unknown_section = false;
  uint32_t unknown_flags = 0;

  uint32_t text(const std::string& name) {
    const uint32_t offset = static_cast<uint32_t>(strings.size());
    strings += name + '\0';
    return offset;
  }

  uint32_t buffer(uint32_t region, uint64_t offset, uint64_t size) {
    buffers.push_back({offset, size, region, text("buffer" + std::to_string(buffers.size()))});
    return static_cast<uint32_t>(buffers.size() - 1);
  }

  template <class T>
  uint32_t constant(const std::vector<T>& values) {
    weights.resize((weights.size() + 63) / 64 * 64);
    const uint32_t index = buffer(plan::kConstants, weights.size(), values.size() * sizeof(T));
    const uint8_t* bytes = reinterpret_cast<const uint8_t*>(values.data());
    weights.insert(weights.end(), bytes, bytes + values.size() * sizeof(T));
    return index;
  }

  uint32_t operand(uint32_t buffer_index) {
    operands.push_back({0, buffers[buffer_index].size, buffer_index, 0});
    return static_cast<uint32_t>(operands.size() - 1);
  }

  // output[i] = input[i] + 1, on `count` int8 values: a 1x1 convolution of one channel.
  void add_one(uint32_t input, uint32_t output, int32_t count, const Kernel& kernel = convolution("scalar")) {
    const size_t columns = static_cast<size_t>(kernel.nr);
    ConvS8Params p{};
    p.batch = 1;
    for (int32_t* sizes : {p.in, p.out, p.kernel, p.stride, p.dilation}) {
      for (int i = 0; i < 3; ++i) sizes[i] = 1;
    }
    p.in[2] = p.out[2] = count;
    p.in_channels = p.out_channels = p.groups = 1;
    p.out_min = -128;
    p.out_max = 127;
    kernels.push_back({text(kernel.name), ConvS8Params::layout()});
    params.resize((params.size() + 15) / 16 * 16);
    const uint32_t first = operand(input);
    std::vector<int8_t> weights_of_columns(columns * static_cast<size_t>(kernel.kr));
    weights_of_columns[0] = 1;
    operand(constant(weights_of_columns));
    operand(constant(std::vector<int32_t>(columns, 1)));
    operand(constant(std::vector<int32_t>(columns, 1 << 30)));
    operand(constant(std::vector<int32_t>(columns, 1)));
    operand(output);
    steps.push_back({params.size(), static_cast<uint64_t>(count), sizeof(p), static_cast<uint32_t>(kernels.size() - 1), first, 5, 1,
                     text("step" + std::to_string(steps.size())), text("AddOne"), 0});
    const uint8_t* bytes = reinterpret_cast<const uint8_t*>(&p);
    params.insert(params.end(), bytes, bytes + sizeof(p));
  }

  void tensor(uint32_t buffer_index, const std::string& name) {
    plan::TensorRecord t{};
    t.shape[0] = static_cast<int64_t>(buffers[buffer_index].size);
    t.rank = 1;
    t.operand = operand(buffer_index);
    t.name = text(name);
    t.dtype = static_cast<uint32_t>(DType::kInt8);
    tensors.push_back(t);
  }

  std::vector<uint8_t> bytes() const {
    std::vector<Part> parts = {part("KERN", kernels), part("BUFF", buffers), part("OPND", operands), part("STEP", steps),
                               part("TENS", tensors), part("ENTR", entries), part("STRS", strings),  part("PARM", params),
                               part("WGTS", weights), part("STAT", state),   part("GOLD", golden),   part("VECT", vectors)};
    if (unknown_section) parts.push_back(part("what", strings));
    std::vector<plan::Section> table;
    std::vector<uint8_t> file(sizeof(plan::Header) + parts.size() * sizeof(plan::Section));
    for (const Part& p : parts) {
      file.resize((file.size() + 63) / 64 * 64);
      table.push_back({file.size(), p.size, p.tag, p.tag == plan::tag("what") ? unknown_flags : plan::kRequired,
                       runtime::checksum(p.bytes, p.size), 0});
      file.insert(file.end(), p.bytes, p.bytes + p.size);
    }
    plan::Header header{};
    header.file_size = file.size();
    memcpy(header.magic, plan::kMagic, sizeof(header.magic));
    header.version = plan::kVersion;
    header.section_count = static_cast<uint32_t>(table.size());
    memcpy(&file[sizeof(header)], table.data(), table.size() * sizeof(plan::Section));
    header.checksum = runtime::checksum(&file[sizeof(header)], table.size() * sizeof(plan::Section));
    memcpy(file.data(), &header, sizeof(header));
    return file;
  }

 private:
  struct Part {
    uint32_t tag;
    const uint8_t* bytes;
    uint64_t size;
  };
  template <class Items>
  static Part part(const char (&tag)[5], const Items& items) {
    return {plan::tag(tag), reinterpret_cast<const uint8_t*>(items.data()), items.size() * sizeof(items[0])};
  }
};

// `steps` times add_one on `count` values, between two alternating buffers: input "x", output "y".
inline PlanBuilder chain_plan(int32_t steps, int32_t count) {
  PlanBuilder plan;
  const uint64_t size = static_cast<uint64_t>(count), second = (size + 63) / 64 * 64;
  std::vector<uint32_t> values;
  for (int32_t i = 0; i <= steps; ++i) values.push_back(plan.buffer(plan::kArena, i % 2 == 0 ? 0 : second, size));
  for (int32_t i = 0; i < steps; ++i) plan.add_one(values[static_cast<size_t>(i)], values[static_cast<size_t>(i) + 1], count);
  plan.tensor(values.front(), "x");
  plan.tensor(values.back(), "y");
  plan.entries.push_back({second + size, 0, plan.text("main"), 0, static_cast<uint32_t>(steps), 0, 1, 1});
  return plan;
}

}  // namespace sinter
