#include "verify.h"

#include <string.h>

#include <algorithm>

#include "cpu.h"
#include "kernels/registry.h"

namespace sinter::runtime {
namespace {

using plan::BufferRecord;
using plan::EntryRecord;
using plan::OperandRecord;
using plan::StepRecord;
using plan::TensorRecord;

bool within(uint64_t offset, uint64_t size, uint64_t total) { return offset <= total && size <= total - offset; }

// Counts the names' bytes too, since records may share one long text.
class Names {
 public:
  explicit Names(const Plan& plan) : plan_(plan) {}
  void verify(uint32_t offset, const char* what, size_t index) {
    require(offset < plan_.strings.size(), what, " ", index, "'s name starts at ", offset, " of ", plan_.strings.size(),
            " bytes of strings");
    const size_t length = strnlen(plan_.text(offset), static_cast<size_t>(left_) + 1);
    require(length <= left_, "its names have more than ", plan::kMaxNameBytes, " bytes");
    left_ -= length;
  }

 private:
  const Plan& plan_;
  uint64_t left_ = plan::kMaxNameBytes;
};

void verify_tensor(const Plan& plan, Names& names, const TensorRecord& t, size_t index) {
  names.verify(t.name, "tensor", index);
  const std::string name = quoted(plan.text(t.name));
  require(t.operand < plan.operands.size(), "tensor ", name, " names operand ", t.operand, " of ", plan.operands.size());
  require(t.dtype < kDTypeCount, "tensor ", name, " has dtype ", t.dtype, ", known are 0 to ", kDTypeCount - 1);
  require(t.rank <= 8, "tensor ", name, " has rank ", t.rank, ", at most 8 is supported");
  uint64_t bytes = kDTypeSize[t.dtype];
  for (uint32_t i = 0; i < t.rank; ++i) {
    require(t.shape[i] >= 0, "tensor ", name, " has dimension ", t.shape[i]);
    const uint64_t extent = static_cast<uint64_t>(t.shape[i]);
    require(extent == 0 || bytes <= INT64_MAX / extent, "tensor ", name, " has a shape of more than 2^63 bytes");
    bytes *= extent;
  }
  require(bytes == plan.operands[t.operand].size, "tensor ", name, " has a shape of ", bytes, " bytes, its operand has ",
          plan.operands[t.operand].size);
  require(t.scale == 0 || (t.scale > 0 && t.scale <= 3e38f), "tensor ", name, " has scale ", t.scale,
          ", expected 0 or a positive number");
  const bool is_stored = with_stored(static_cast<int32_t>(t.dtype), [](auto) {});
  require(t.scale == 0 || is_stored, "tensor ", name,
          " has a scale, though its dtype is none of int8, uint8, int16, uint16 and int32");
  require(t.scale != 0 || t.zero == 0, "tensor ", name, " has zero point ", t.zero, " but no scale");
}

void verify_entry(const Plan& plan, Names& names, const EntryRecord& e, size_t index) {
  names.verify(e.name, "entry", index);
  const std::string name = quoted(plan.text(e.name));
  require(within(e.step, e.steps, plan.steps.size()), "entry ", name, " has steps ", e.step, " + ", e.steps, " of ",
          plan.steps.size());
  require(uint64_t{e.inputs} + e.outputs <= plan::kMaxTensors, "entry ", name, " has ", uint64_t{e.inputs} + e.outputs,
          " tensors, at most ", plan::kMaxTensors, " are supported");
  require(within(e.tensor, uint64_t{e.inputs} + e.outputs, plan.tensors.size()), "entry ", name, " has tensors ", e.tensor, " + ",
          uint64_t{e.inputs} + e.outputs, " of ", plan.tensors.size());
  for (uint32_t i = 0; i < e.inputs; ++i) {
    const TensorRecord& t = plan.tensors[e.tensor + i];
    require(plan.buffers[plan.operands[t.operand].buffer].region != plan::kConstants, "input ", quoted(plan.text(t.name)),
            " lies in constant memory");
  }
}

void verify_golden(const Plan& plan, const plan::GoldenRecord& g, size_t index) {
  require(g.entry < plan.entries.size(), "golden example ", index, " names entry ", g.entry, " of ", plan.entries.size());
  require(g.tolerance >= 0 && g.tolerance <= 1, "golden example ", index, " has tolerance ", g.tolerance, ", expected 0 to 1");
  const EntryRecord& e = plan.entries[g.entry];
  uint64_t left = g.offset <= plan.vector_bytes ? plan.vector_bytes - g.offset : 0;
  for (uint32_t i = 0; i < e.inputs + e.outputs; ++i) {
    const uint64_t size = plan.operands[plan.tensors[e.tensor + i].operand].size;
    require(size <= left, "golden example ", index, " starts at ", g.offset, " of ", plan.vector_bytes, " and goes beyond");
    left -= size;
  }
}

uint32_t alignment_of(uint64_t offset) {
  const uint64_t low = offset & (~offset + 1);
  return static_cast<uint32_t>(low == 0 || low > kAlignment ? kAlignment : low);
}

std::string step_name(const Plan& plan, size_t index) {
  return message("step ", index, " ", quoted(plan.text(plan.steps[index].name)));
}

// Every step of one plan against one kernel after another.
class Chooser {
 public:
  Chooser(const Plan& plan, const char* isa) : plan_(plan) {
    if (isa == nullptr) return;
    limit_ = find_isa(isa);
    if (limit_ == nullptr || !limit_->available) {
      std::string known;
      for (size_t i = 0; i < kIsaCount; ++i) {
        if (kIsas[i].available) known += (known.empty() ? "" : ", ") + std::string(kIsas[i].name);
      }
      fail(SINTER_BAD_ARGUMENT, "instruction set ", quoted(isa), limit_ == nullptr ? " is unknown" : " is not in this processor",
           "; available: ", known);
    }
  }

  bool usable(const Kernel& kernel) const {
    const Isa* isa = find_isa(kernel.isa);
    return kernel.run != nullptr && isa != nullptr && isa->available && (limit_ == nullptr || isa >= limit_);
  }

  Status check(const Kernel& kernel, const StepRecord& step) const {
    Extent extents[plan::kMaxOperands];
    for (uint32_t i = 0; i < step.inputs + step.outputs; ++i) {
      const OperandRecord& operand = plan_.operands[step.operand + i];
      const uint64_t offset = plan_.buffers[operand.buffer].offset + operand.offset;
      extents[i] = {operand.size, alignment_of(offset), i < step.inputs ? 0u : 1u};
    }
    return kernel.check(kernel, plan_.params.get() + step.params, extents, step.inputs + step.outputs);
  }

 private:
  const Plan& plan_;
  const Isa* limit_ = nullptr;
};

const char* status_text(Status status) {
  switch (status) {
    case kUnsupported:
      return "it does not support these params";
    case kBadParams:
      return "a param is out of range";
    case kBadOperands:
      return "an operand is missing, too small or misaligned";
    default:
      return "an unknown status";
  }
}

const Kernel* find_kernel(const char* name) {
  for (size_t i = 0; i < kKernelCount; ++i) {
    if (strcmp(kKernels[i].name, name) == 0) return &kKernels[i];
  }
  return nullptr;
}

}  // namespace

void verify_records(const Plan& plan) {
  Names names(plan);
  require(!plan.entries.empty(), "it has no entry");
  require(plan.entries.size() <= plan::kMaxEntries, "it has ", plan.entries.size(), " entries, at most ", plan::kMaxEntries,
          " are read");
  for (size_t i = 0; i < plan.kernels.size(); ++i) names.verify(plan.kernels[i].name, "kernel", i);
  for (size_t i = 0; i < plan.buffers.size(); ++i) {
    const BufferRecord& b = plan.buffers[i];
    names.verify(b.name, "buffer", i);
    require(b.region <= plan::kState, "buffer ", quoted(plan.text(b.name)), " lies in region ", b.region, ", known are 0 to ",
            plan::kState);
    const uint64_t total = b.region == plan::kConstants ? plan.weight_bytes : uint64_t{1} << 62;
    require(within(b.offset, b.size, total), "buffer ", quoted(plan.text(b.name)), " covers bytes ", b.offset, " + ", b.size,
            " of ", total);
  }
  for (size_t i = 0; i < plan.operands.size(); ++i) {
    const OperandRecord& o = plan.operands[i];
    require(o.buffer < plan.buffers.size(), "operand ", i, " names buffer ", o.buffer, " of ", plan.buffers.size());
    require(within(o.offset, o.size, plan.buffers[o.buffer].size), "operand ", i, " covers bytes ", o.offset, " + ", o.size, " of ",
            plan.buffers[o.buffer].size, " in buffer ", quoted(plan.text(plan.buffers[o.buffer].name)));
  }
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const StepRecord& s = plan.steps[i];
    names.verify(s.name, "step", i);
    names.verify(s.op, "step", i);
    const std::string name = step_name(plan, i);
    require(s.kernel < plan.kernels.size(), name, " names kernel ", s.kernel, " of ", plan.kernels.size());
    require(s.params % 16 == 0 && within(s.params, s.params_size, plan.params_size), name, " has params at ", s.params, " + ",
            s.params_size, " of ", plan.params_size, ", expected them inside, at a multiple of 16");
    const uint64_t operands = uint64_t{s.inputs} + s.outputs;
    require(operands <= plan::kMaxOperands, name, " has ", operands, " operands, at most ", plan::kMaxOperands, " are supported");
    require(within(s.operand, operands, plan.operands.size()), name, " has operands ", s.operand, " + ", operands, " of ",
            plan.operands.size());
    for (uint32_t k = 0; k < s.outputs; ++k) {
      const BufferRecord& b = plan.buffers[plan.operands[s.operand + s.inputs + k].buffer];
      require(b.region != plan::kConstants, name, " writes to constant ", quoted(plan.text(b.name)));
    }
  }
  for (size_t i = 0; i < plan.tensors.size(); ++i) verify_tensor(plan, names, plan.tensors[i], i);
  for (size_t i = 0; i < plan.entries.size(); ++i) verify_entry(plan, names, plan.entries[i], i);
  uint64_t run = 0;
  for (const EntryRecord& e : plan.entries) run += e.steps;
  require(run <= plan::kMaxRecords, "its entries run ", run, " steps together, at most ", plan::kMaxRecords, " are supported");
  require(plan.golden.size() <= plan::kMaxGolden, "it has ", plan.golden.size(), " golden examples, at most ", plan::kMaxGolden,
          " are read");
  for (size_t i = 0; i < plan.golden.size(); ++i) verify_golden(plan, plan.golden[i], i);
}

std::vector<const Kernel*> choose_kernels(const Plan& plan, const char* isa, const std::function<void(const std::string&)>& log) {
  const Chooser chooser(plan, isa);
  std::vector<const Kernel*> named(plan.kernels.size()), chosen;
  for (size_t i = 0; i < plan.kernels.size(); ++i) {
    const char* name = plan.text(plan.kernels[i].name);
    named[i] = find_kernel(name);
    if (named[i] == nullptr) fail(SINTER_UNSUPPORTED, "this build has no kernel ", quoted(name), "; update the runtime");
    if (named[i]->layout != plan.kernels[i].params_layout) {
      fail(SINTER_UNSUPPORTED, "kernel ", quoted(name),
           " has other params in this build than the plan was compiled for; build the plan again");
    }
  }
  chosen.reserve(plan.steps.size());
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const StepRecord& step = plan.steps[i];
    const Kernel& wanted = *named[step.kernel];
    require(step.params_size == wanted.params_size, step_name(plan, i), " has ", step.params_size, " bytes of params, kernel ",
            wanted.name, " takes ", wanted.params_size);
    const Kernel* found = nullptr;
    Status status = kOk;
    if (chooser.usable(wanted)) {
      status = chooser.check(wanted, step);
      require(status == kOk, step_name(plan, i), " is refused by kernel ", wanted.name, ": ", status_text(status));
      found = &wanted;
    }
    for (size_t k = 0; k < kKernelCount && found == nullptr; ++k) {
      const Kernel& other = kKernels[k];
      if (strcmp(other.family, wanted.family) != 0 || strcmp(other.packing, wanted.packing) != 0 || !chooser.usable(other))
        continue;
      status = chooser.check(other, step);
      if (status == kOk) {
        found = &other;
        log(message(step_name(plan, i), " runs ", other.name, " instead of ", wanted.name));
      }
    }
    require(found != nullptr || status == kOk || status == kUnsupported, step_name(plan, i),
            " is refused by every kernel of family ", wanted.family, ": ", status_text(status));
    if (found == nullptr) {
      fail(SINTER_UNSUPPORTED, step_name(plan, i), " needs kernel ", wanted.name, " or another of packing ", wanted.packing,
           ", and this processor can run none; build the plan for this target");
    }
    chosen.push_back(found);
  }
  return chosen;
}

MemoryNeed memory_need(const Plan& plan, const std::vector<const Kernel*>& kernels) {
  MemoryNeed need;
  for (const EntryRecord& e : plan.entries) {
    need.arena = std::max(need.arena, e.arena_bytes);
    need.state = std::max(need.state, e.state_bytes);
  }
  require(plan.state.size() <= need.state, "it has ", plan.state.size(), " bytes of initial state, its entries ", need.state);
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const uint64_t bytes = kernels[i]->scratch(*kernels[i], plan.params.get() + plan.steps[i].params);
    if (bytes > uint64_t{1} << 48) fail(SINTER_NO_MEMORY, step_name(plan, i), " needs ", bytes, " bytes of scratch");
    need.scratch = std::max(need.scratch, aligned(bytes));
  }
  return need;
}

}  // namespace sinter::runtime
