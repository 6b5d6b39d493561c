#include "context.h"

#include <stdio.h>
#include <string.h>

#include <chrono>

namespace sinter::runtime {
namespace {

constexpr int kMaxThreads = 256;
// Multiply-accumulates and operand bytes below which two threads were not faster than one, by the fastest kernels there are.
constexpr uint64_t kWorthSharing = 40000;

uint64_t now() {
  const auto time = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(time).count());
}

}  // namespace

uint64_t work(const Plan& plan, const plan::StepRecord& step) {
  uint64_t work = step.macs;
  for (uint32_t i = 0; i < step.inputs + step.outputs; ++i) work += plan.operands[step.operand + i].size;
  return work;
}

Context::Context(std::shared_ptr<const Model> model, int threads) : model_(std::move(model)), threads_(threads) {
  if (threads < 1 || threads > kMaxThreads) fail(SINTER_BAD_ARGUMENT, "threads is ", threads, ", expected 1 to ", kMaxThreads);
  const MemoryNeed& need = model_->need();
  const uint64_t before_scratch = aligned(need.arena) + aligned(need.state);
  const uint64_t total = before_scratch + need.scratch * static_cast<uint64_t>(threads);
  if (total > model_->memory_limit()) {
    fail(SINTER_NO_MEMORY, "a context of ", threads, " threads takes ", total, " bytes, the limit is ", model_->memory_limit(),
         "; raise memory_limit where that is right");
  }
  memory_ = allocate_aligned(total);
  memset(memory_.get(), 0, static_cast<size_t>(total));
  state_ = memory_.get() + aligned(need.arena);
  scratch_ = memory_.get() + before_scratch;
  reset();

  const Plan& plan = model_->plan();
  operands_.reserve(plan.operands.size());
  for (const plan::OperandRecord& o : plan.operands) {
    const plan::BufferRecord& b = plan.buffers[o.buffer];
    operands_.push_back(address(b.region, b.offset + o.offset));
  }
  steps_.reserve(plan.steps.size());
  shared_ = std::make_unique<bool[]>(plan.steps.size());
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const Kernel& kernel = model_->kernel(i);
    const uint8_t* params = plan.params.get() + plan.steps[i].params;
    const int32_t tiles = kernel.tiles(kernel, params);
    const bool shared = threads > 1 && tiles > 1 && work(plan, plan.steps[i]) >= kWorthSharing;
    steps_.push_back({kernel.run, params, operands_.data() + plan.steps[i].operand, tiles, shared ? threads : 1});
    shared_[i] = shared;
  }
  pool_ = std::make_unique<ThreadPool>(threads);
}

uint8_t* Context::address(uint32_t region, uint64_t offset) {
  if (region == plan::kConstants) return const_cast<uint8_t*>(model_->plan().weights) + offset;
  return (region == plan::kArena ? memory_.get() : state_) + offset;
}

void Context::reset() {
  const std::vector<uint8_t>& initial = model_->plan().state;
  if (!initial.empty()) memcpy(state_, initial.data(), initial.size());
  memset(state_ + initial.size(), 0, static_cast<size_t>(model_->need().state - initial.size()));
}

void Context::run_part(void* job_pointer, int index, int part) {
  Job& job = *static_cast<Job*>(job_pointer);
  if (job.status.load(std::memory_order_relaxed) != kOk) return;
  const Context& context = *job.context;
  const ResolvedStep& step = job.steps[index];
  const int32_t begin = static_cast<int32_t>(step.tiles * int64_t{part} / step.parts);
  const int32_t end = static_cast<int32_t>(step.tiles * (int64_t{part} + 1) / step.parts);
  if (begin == end) return;
  uint8_t* scratch = context.scratch_ + context.model_->need().scratch * static_cast<uint64_t>(part);
  const Status status = step.run(step.params, step.operands, scratch, begin, end);
  if (status == kOk) return;
  job.failed.store(index, std::memory_order_relaxed);
  job.status.store(status, std::memory_order_relaxed);
}

sinter_status Context::refuse(const char* what) {
  snprintf(error_, sizeof(error_), "%s", what);
  return SINTER_BAD_ARGUMENT;
}

Status Context::run(const Entry& entry, uint64_t* nanoseconds, const std::function<void(size_t)>& after) {
  error_[0] = 0;
  const bool watched = nanoseconds != nullptr || after;
  const size_t together = watched ? 1 : entry.steps;
  for (size_t i = 0; i < entry.steps; i += together) {
    const size_t first = entry.step + i;
    Job job{this, steps_.data() + first, {0}, {kOk}};
    const uint64_t before = nanoseconds != nullptr ? now() : 0;
    pool_->run(run_part, &job, shared_.get() + first, static_cast<int>(together));
    if (const Status status = job.status; status != kOk) {
      const size_t failed = static_cast<size_t>(job.failed);
      const char* what = status == kBadValue ? "it was given data that must be valid indices and is not" : "it failed";
      snprintf(error_, sizeof(error_), "step %zu '%.200s' (%s): %s", i + failed,
               model_->plan().text(model_->plan().steps[first + failed].name), model_->kernel(first + failed).name, what);
      return status;
    }
    if (nanoseconds != nullptr) nanoseconds[i] = now() - before;
    if (after) after(i);
  }
  return kOk;
}

}  // namespace sinter::runtime
