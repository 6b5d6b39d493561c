// The loader's proof of the memory plan, against a simulation that marks every byte with the buffer that wrote it.
#include <algorithm>
#include <random>

#include "expect.h"
#include "plan_builder.h"
#include "runtime/verify.h"

namespace {

using sinter::Kernel;
using sinter::PlanBuilder;
using sinter::plan::kArena;
using sinter::plan::kState;
using sinter::runtime::Plan;

std::mt19937 generator(7);

int pick(int low, int high) { return low + static_cast<int>(generator() % static_cast<uint32_t>(high - low + 1)); }

Kernel in_place_kernel(uint32_t bits) {
  Kernel kernel{};
  kernel.name = "test";
  kernel.in_place = bits;
  return kernel;
}
const Kernel kApart = in_place_kernel(0), kFirst = in_place_kernel(1), kBoth = in_place_kernel(3);

struct Case {
  Plan plan;
  std::vector<const Kernel*> kernels;
};

// A step of whole-buffer operands.
void add_step(Case& c, const std::vector<uint32_t>& inputs, const std::vector<uint32_t>& outputs, const Kernel& kernel) {
  sinter::plan::StepRecord step{};
  step.operand = static_cast<uint32_t>(c.plan.operands.size());
  step.inputs = static_cast<uint32_t>(inputs.size());
  step.outputs = static_cast<uint32_t>(outputs.size());
  for (const std::vector<uint32_t>* list : {&inputs, &outputs}) {
    for (const uint32_t b : *list) c.plan.operands.push_back({0, c.plan.buffers[b].size, b, 0});
  }
  c.plan.steps.push_back(step);
  c.kernels.push_back(&kernel);
}

void add_entry(Case& c, const std::vector<uint32_t>& inputs, const std::vector<uint32_t>& outputs, uint64_t arena) {
  sinter::plan::EntryRecord entry{};
  entry.arena_bytes = arena;
  entry.state_bytes = 1024;
  entry.steps = static_cast<uint32_t>(c.plan.steps.size());
  entry.inputs = static_cast<uint32_t>(inputs.size());
  entry.outputs = static_cast<uint32_t>(outputs.size());
  for (const std::vector<uint32_t>* list : {&inputs, &outputs}) {
    for (const uint32_t b : *list) {
      sinter::plan::TensorRecord tensor{};
      tensor.operand = static_cast<uint32_t>(c.plan.operands.size());
      c.plan.operands.push_back({0, c.plan.buffers[b].size, b, 0});
      c.plan.tensors.push_back(tensor);
    }
  }
  c.plan.entries.push_back(entry);
  c.plan.strings.assign(1, '\0');
}

bool accepted(const Case& c) {
  try {
    verify_memory(c.plan, c.kernels);
    return true;
  } catch (const sinter::runtime::Error& error) {
    EXPECT(error.status == SINTER_BAD_PLAN);
    return false;
  }
}

Case with_buffers(const std::vector<std::pair<uint64_t, uint64_t>>& ranges, uint32_t region = kArena) {
  Case c;
  for (const auto& [offset, size] : ranges) c.plan.buffers.push_back({offset, size, region, 0});
  return c;
}

void test_literals() {
  {  // in place: x dies where y is born, at the same bytes
    for (const Kernel* kernel : {&kApart, &kFirst}) {
      Case c = with_buffers({{0, 8}, {0, 8}});
      add_step(c, {0}, {1}, *kernel);
      add_entry(c, {0}, {1}, 8);
      EXPECT(accepted(c) == (kernel == &kFirst));
    }
  }
  {  // in place, though x is read again
    Case c = with_buffers({{0, 8}, {0, 8}, {8, 8}});
    add_step(c, {0}, {1}, kFirst);
    add_step(c, {0}, {2}, kApart);
    add_entry(c, {0}, {1, 2}, 16);
    EXPECT(!accepted(c));
  }
  {  // in place of unequal sizes
    Case c = with_buffers({{0, 8}, {0, 4}});
    add_step(c, {0}, {1}, kFirst);
    add_entry(c, {0}, {1}, 8);
    EXPECT(!accepted(c));
  }
  {  // the same input twice, and only the first may be replaced
    for (const Kernel* kernel : {&kFirst, &kBoth}) {
      Case c = with_buffers({{0, 8}, {0, 8}});
      add_step(c, {0, 0}, {1}, *kernel);
      add_entry(c, {0}, {1}, 8);
      EXPECT(accepted(c) == (kernel == &kBoth));
    }
  }
  {  // two outputs in the same place
    Case c = with_buffers({{0, 8}, {8, 8}, {8, 8}});
    add_step(c, {0}, {1, 2}, kBoth);
    add_entry(c, {0}, {1, 2}, 16);
    EXPECT(!accepted(c));
  }
  {  // read before written
    Case c = with_buffers({{0, 8}, {8, 8}, {16, 8}});
    add_step(c, {2}, {1}, kApart);
    add_entry(c, {0}, {1}, 24);
    EXPECT(!accepted(c));
  }
  {  // an output that nothing writes, and one that is an input
    Case c = with_buffers({{0, 8}, {8, 8}});
    add_entry(c, {0}, {1}, 16);
    EXPECT(!accepted(c));
    Case d = with_buffers({{0, 8}});
    add_entry(d, {0}, {0}, 8);
    EXPECT(accepted(d));
  }
  {  // beyond the arena
    Case c = with_buffers({{0, 8}, {8, 9}});
    add_step(c, {0}, {1}, kApart);
    add_entry(c, {0}, {1}, 16);
    EXPECT(!accepted(c));
  }
  {  // inputs that share bytes
    Case c = with_buffers({{0, 8}, {4, 8}});
    add_entry(c, {0, 1}, {0}, 16);
    EXPECT(!accepted(c));
    Case d = with_buffers({{0, 8}});
    add_entry(d, {0, 0}, {0}, 16);
    EXPECT(!accepted(d));
  }
  {  // state lies apart, and is written before the first step
    Case c = with_buffers({{0, 8}, {8, 8}}, kState);
    add_step(c, {0}, {1}, kApart);
    add_entry(c, {}, {1}, 0);
    EXPECT(accepted(c));
    c.plan.buffers[1].offset = 7;
    EXPECT(!accepted(c));
  }
}

// Runs the plan on bytes that remember who wrote them: true where every read finds what its buffer last held.
bool simulate(const Case& c) {
  const Plan& p = c.plan;
  constexpr int kNobody = -1;
  std::vector<int> owner(256, kNobody);
  const auto each_byte = [&](uint32_t operand, const auto& body) {
    const sinter::plan::OperandRecord& o = p.operands[operand];
    const uint64_t begin = p.buffers[o.buffer].offset + o.offset;
    for (uint64_t i = begin; i < begin + o.size; ++i) body(owner[i], static_cast<int>(o.buffer));
  };
  bool sound = true;
  const auto read = [&](uint32_t operand) { each_byte(operand, [&](int& byte, int buffer) { sound = sound && byte == buffer; }); };
  const auto write = [&](uint32_t operand) { each_byte(operand, [](int& byte, int buffer) { byte = buffer; }); };
  const sinter::plan::EntryRecord& entry = p.entries[0];
  for (uint32_t i = 0; i < entry.inputs; ++i) write(p.tensors[i].operand);
  for (size_t s = 0; s < p.steps.size(); ++s) {
    const sinter::plan::StepRecord& step = p.steps[s];
    for (uint32_t i = 0; i < step.inputs; ++i) read(step.operand + i);
    // Where a kernel may not work in place, it may write all of its outputs before it reads any input.
    for (uint32_t k = 0; k < step.outputs; ++k) write(step.operand + step.inputs + k);
    for (uint32_t i = 0; i < step.inputs; ++i) {
      if ((c.kernels[s]->in_place >> i & 1) == 0) read(step.operand + i);
    }
    for (uint32_t k = 0; k < step.outputs; ++k) read(step.operand + step.inputs + k);
  }
  for (uint32_t i = 0; i < entry.outputs; ++i) read(p.tensors[entry.inputs + i].operand);
  return sound;
}

// Values made one after another from earlier ones, each placed first-fit among those still alive; then, maybe, one is moved.
void test_random() {
  int sound_and_accepted = 0, refused = 0;
  for (int round = 0; round < 20000; ++round) {
    Case c;
    const int count = pick(2, 9);
    std::vector<int> last(static_cast<size_t>(count), 0);
    std::vector<std::vector<uint32_t>> inputs(static_cast<size_t>(count));
    for (int i = 1; i < count; ++i) {
      for (int k = pick(1, 2); k > 0; --k) {
        const int from = pick(std::max(0, i - 3), i - 1);
        inputs[static_cast<size_t>(i)].push_back(static_cast<uint32_t>(from));
        last[static_cast<size_t>(from)] = i;
      }
    }
    for (int i = 0; i < count; ++i) {
      if (last[static_cast<size_t>(i)] == 0) last[static_cast<size_t>(i)] = count;
    }
    std::vector<const Kernel*> kernels;
    for (int i = 0; i < count; ++i) {
      sinter::plan::BufferRecord b{0, static_cast<uint64_t>(pick(1, 3)) * 8, kArena, 0};
      const Kernel* kernel = pick(0, 1) == 0 ? &kApart : pick(0, 1) == 0 ? &kFirst : &kBoth;
      const std::vector<uint32_t>& from = inputs[static_cast<size_t>(i)];
      const bool may_replace =
          !from.empty() && (kernel->in_place & 1) != 0 && last[from[0]] == i && std::count(from.begin(), from.end(), from[0]) == 1;
      if (may_replace && pick(0, 2) != 0) {
        b = c.plan.buffers[from[0]];
      } else {
        const auto overlaps = [&](uint32_t other) {
          const sinter::plan::BufferRecord& o = c.plan.buffers[other];
          return last[other] >= i && b.offset < o.offset + o.size && o.offset < b.offset + b.size;
        };
        for (bool moved = true; moved;) {
          moved = false;
          for (uint32_t other = 0; other < c.plan.buffers.size(); ++other) {
            if (!overlaps(other)) continue;
            b.offset = c.plan.buffers[other].offset + c.plan.buffers[other].size;
            moved = true;
          }
        }
      }
      c.plan.buffers.push_back(b);
      kernels.push_back(kernel);
    }
    const bool moved = pick(0, 1) == 1;
    if (moved) c.plan.buffers[static_cast<size_t>(pick(0, count - 1))].offset = static_cast<uint64_t>(pick(0, 12)) * 4;
    std::vector<uint32_t> outputs;
    for (int i = 1; i < count; ++i) {
      add_step(c, inputs[static_cast<size_t>(i)], {static_cast<uint32_t>(i)}, *kernels[static_cast<size_t>(i)]);
      if (last[static_cast<size_t>(i)] == count) outputs.push_back(static_cast<uint32_t>(i));
    }
    add_entry(c, {0}, outputs, 256);
    const bool accepts = accepted(c), sound = simulate(c);
    if (!moved) EXPECT(accepts && sound);
    if (accepts) EXPECT(sound);
    sound_and_accepted += accepts;
    refused += !accepts;
  }
  EXPECT(sound_and_accepted > 5000 && refused > 1000);
}

}  // namespace

int main() {
  test_literals();
  test_random();
  return report();
}
