#include <algorithm>
#include <map>

#include "verify.h"

namespace sinter::runtime {
namespace {

using plan::BufferRecord;
using plan::EntryRecord;
using plan::OperandRecord;
using plan::StepRecord;

struct Range {
  uint64_t begin, end;
  bool overlaps(const Range& other) const { return begin < other.end && other.begin < end; }
  bool equals(const Range& other) const { return begin == other.begin && end == other.end; }
};

// One entry's run in time: 0 is the copying in of inputs, step i of the entry is time i + 1, outputs are copied out after the last.
class EntryProof {
 public:
  EntryProof(const Plan& plan, const EntryRecord& entry, const std::vector<const Kernel*>& kernels)
      : plan_(plan), entry_(entry), kernels_(kernels), first_(plan.buffers.size(), kNever), last_(plan.buffers.size(), 0) {}

  void prove() {
    for (uint32_t i = 0; i < entry_.inputs; ++i) write(input_operand(i), 0);
    verify_inputs_apart();
    for (uint32_t i = 0; i < entry_.steps; ++i) {
      const StepRecord& step = plan_.steps[entry_.step + i];
      for (uint32_t k = 0; k < step.inputs; ++k) read(plan_.operands[step.operand + k], i + 1, text(step.name));
      for (uint32_t k = 0; k < step.outputs; ++k) write(plan_.operands[step.operand + step.inputs + k], i + 1);
      verify_step(step, *kernels_[entry_.step + i]);
    }
    for (uint32_t i = 0; i < entry_.outputs; ++i) {
      const plan::TensorRecord& t = plan_.tensors[entry_.tensor + entry_.inputs + i];
      read(plan_.operands[t.operand], entry_.steps + 1, text(t.name));
    }
    sweep();
  }

 private:
  static constexpr uint32_t kNever = ~0u;

  std::string text(uint32_t name) const { return quoted(plan_.text(name)); }
  const BufferRecord& buffer(const OperandRecord& o) const { return plan_.buffers[o.buffer]; }
  const OperandRecord& input_operand(uint32_t i) const { return plan_.operands[plan_.tensors[entry_.tensor + i].operand]; }
  Range range(const OperandRecord& o) const {
    const uint64_t begin = buffer(o).offset + o.offset;
    return {begin, begin + o.size};
  }

  void fits(const OperandRecord& o) const {
    const BufferRecord& b = buffer(o);
    if (b.region == plan::kConstants) return;
    const uint64_t total = b.region == plan::kArena ? entry_.arena_bytes : entry_.state_bytes;
    require(b.offset + b.size <= total, "buffer ", text(b.name), " ends at byte ", b.offset + b.size, ", entry ", text(entry_.name),
            " has ", total, b.region == plan::kArena ? " of arena" : " of state");
  }

  void write(const OperandRecord& o, uint32_t time) {
    fits(o);
    if (buffer(o).region != plan::kArena) return;
    if (first_[o.buffer] == kNever) {
      first_[o.buffer] = time;
      born_.push_back(o.buffer);
    }
    last_[o.buffer] = time;
  }

  void read(const OperandRecord& o, uint32_t time, const std::string& by) {
    fits(o);
    if (buffer(o).region != plan::kArena || o.size == 0) return;
    require(first_[o.buffer] != kNever, by, " reads buffer ", text(buffer(o).name), " before anything is written there");
    last_[o.buffer] = time;
  }

  void verify_inputs_apart() const {
    std::vector<Range> ranges[2];
    for (uint32_t i = 0; i < entry_.inputs; ++i) {
      const OperandRecord& o = input_operand(i);
      if (o.size != 0) ranges[buffer(o).region == plan::kState].push_back(range(o));
    }
    for (std::vector<Range>& sorted : ranges) {
      std::sort(sorted.begin(), sorted.end(), [](const Range& a, const Range& b) { return a.begin < b.begin; });
      for (size_t i = 1; i < sorted.size(); ++i) {
        require(!sorted[i - 1].overlaps(sorted[i]), "two inputs of entry ", text(entry_.name), " share memory");
      }
    }
  }

  // An output lies apart from every other operand of its step, or exactly on an input that the kernel lets it replace.
  void verify_step(const StepRecord& step, const Kernel& kernel) const {
    const OperandRecord* operands = &plan_.operands[step.operand];
    for (uint32_t k = step.inputs; k < step.inputs + step.outputs; ++k) {
      for (uint32_t i = 0; i < k; ++i) {
        const Range a = range(operands[i]), b = range(operands[k]);
        if (buffer(operands[i]).region != buffer(operands[k]).region || !a.overlaps(b)) continue;
        require(i < step.inputs && i < 32 && (kernel.in_place >> i & 1) != 0 && a.equals(b), "step ", text(step.name),
                " writes operand ", k, " over operand ", i, ", which kernel ", kernel.name, " does not allow");
      }
    }
  }

  // True where the buffer hands its bytes over, at this time, to the step's output that replaces it.
  bool replaced(uint32_t from, uint32_t to, uint32_t time) const {
    const BufferRecord &a = plan_.buffers[from], &b = plan_.buffers[to];
    return last_[from] == time && a.offset == b.offset && a.size == b.size;
  }

  // Walks through time with the live buffers sorted by offset, so that each newcomer meets its neighbours only.
  void sweep() {
    std::vector<uint32_t> dying = born_;
    std::sort(dying.begin(), dying.end(), [this](uint32_t a, uint32_t b) { return last_[a] < last_[b]; });
    std::map<uint64_t, uint32_t> live;
    size_t dead = 0;
    for (uint32_t born : born_) {
      const BufferRecord& b = plan_.buffers[born];
      for (; dead < dying.size() && last_[dying[dead]] < first_[born]; ++dead) release(live, dying[dead]);
      if (b.size == 0) continue;
      if (first_[born] != 0) hand_over(live, born);
      auto next = live.lower_bound(b.offset);
      if (next != live.end()) verify_apart(born, next->second);
      if (next != live.begin()) verify_apart(born, std::prev(next)->second);
      live.emplace(b.offset, born);
    }
  }

  void release(std::map<uint64_t, uint32_t>& live, uint32_t buffer) const {
    auto at = live.find(plan_.buffers[buffer].offset);
    if (at != live.end() && at->second == buffer) live.erase(at);
  }

  // Which inputs a newcomer may replace has been verified operand by operand; here their lives must meet at this step.
  void hand_over(std::map<uint64_t, uint32_t>& live, uint32_t born) const {
    const uint32_t time = first_[born];
    const StepRecord& step = plan_.steps[entry_.step + time - 1];
    const OperandRecord* operands = &plan_.operands[step.operand];
    for (uint32_t k = step.inputs; k < step.inputs + step.outputs; ++k) {
      if (operands[k].buffer != born) continue;
      for (uint32_t i = 0; i < step.inputs; ++i) {
        const bool whole = range(operands[i]).equals(range(operands[k])) && operands[i].size == plan_.buffers[born].size;
        if (buffer(operands[i]).region == plan::kArena && whole && replaced(operands[i].buffer, born, time)) {
          release(live, operands[i].buffer);
        }
      }
    }
  }

  void verify_apart(uint32_t a, uint32_t b) const {
    const BufferRecord &x = plan_.buffers[a], &y = plan_.buffers[b];
    require(!Range{x.offset, x.offset + x.size}.overlaps({y.offset, y.offset + y.size}), "buffers ", text(x.name), " and ",
            text(y.name), " of entry ", text(entry_.name), " overlap while both are live");
  }

  const Plan& plan_;
  const EntryRecord& entry_;
  const std::vector<const Kernel*>& kernels_;
  std::vector<uint32_t> first_, last_, born_;
};

}  // namespace

void verify_memory(const Plan& plan, const std::vector<const Kernel*>& kernels) {
  std::vector<const BufferRecord*> state;
  for (const BufferRecord& b : plan.buffers) {
    if (b.region == plan::kState && b.size != 0) state.push_back(&b);
  }
  std::sort(state.begin(), state.end(), [](const BufferRecord* a, const BufferRecord* b) { return a->offset < b->offset; });
  for (size_t i = 1; i < state.size(); ++i) {
    require(state[i - 1]->offset + state[i - 1]->size <= state[i]->offset, "state buffers ", quoted(plan.text(state[i - 1]->name)),
            " and ", quoted(plan.text(state[i]->name)), " overlap");
  }
  for (const EntryRecord& entry : plan.entries) EntryProof(plan, entry, kernels).prove();
}

}  // namespace sinter::runtime
