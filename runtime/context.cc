#include "context.h"

#include <stdio.h>
#include <string.h>

#include <chrono>

namespace sinter::runtime {
namespace {

constexpr int kMaxThreads = 256;
// Multiply-accumulates and operand bytes below which two threads were not faster than one, by the fastest kernels there are.
constexpr uint64_t kWorthSharing = 40000;

struct Rest {
  ~Rest() {
    if (pool != nullptr) pool->rest();
  }
  ThreadPool* pool;
};

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
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const Kernel& kernel = model_->kernel(i);
    const uint8_t* params = plan.params.get() + plan.steps[i].params;
    const int32_t tiles = kernel.tiles(kernel, params);
    const bool shared = threads > 1 && tiles > 1 && work(plan, plan.steps[i]) >= kWorthSharing;
    steps_.push_back({kernel.run, params, operands_.data() + plan.steps[i].operand, tiles, shared});
  }
  if (threads > 1) pool_ = std::make_unique<ThreadPool>(threads);
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

void Context::run_part(void* job_pointer, int part) {
  Job& job = *static_cast<Job*>(job_pointer);
  const ResolvedStep& step = *job.step;
  const int64_t threads = job.context->threads_;
  const int32_t begin = static_cast<int32_t>(step.tiles * int64_t{part} / threads);
  const int32_t end = static_cast<int32_t>(step.tiles * (int64_t{part} + 1) / threads);
  if (begin == end) return;
  uint8_t* scratch = job.context->scratch_ + job.context->model_->need().scratch * static_cast<uint64_t>(part);
  const Status status = step.run(step.params, step.operands, scratch, begin, end);
  if (status != kOk) job.status.store(status, std::memory_order_relaxed);
}

Status Context::run_step(const ResolvedStep& step) {
  if (!step.shared) return step.run(step.params, step.operands, scratch_, 0, step.tiles);
  Job job{this, &step, {kOk}};
  pool_->run(run_part, &job);
  return static_cast<Status>(job.status.load(std::memory_order_relaxed));
}

sinter_status Context::refuse(const char* what) {
  snprintf(error_, sizeof(error_), "%s", what);
  return SINTER_BAD_ARGUMENT;
}

Status Context::run(const Entry& entry, uint64_t* nanoseconds, const std::function<void(size_t)>& after) {
  error_[0] = 0;
  const Rest rest{pool_.get()};
  uint64_t before = nanoseconds != nullptr ? now() : 0;
  for (size_t i = 0; i < entry.steps; ++i) {
    const Status status = run_step(steps_[entry.step + i]);
    if (status != kOk) {
      const char* what = status == kBadValue ? "it was given data that must be valid indices and is not" : "it failed";
      snprintf(error_, sizeof(error_), "step %zu '%.200s' (%s): %s", i,
               model_->plan().text(model_->plan().steps[entry.step + i].name), model_->kernel(entry.step + i).name, what);
      return status;
    }
    if (nanoseconds != nullptr) {
      const uint64_t behind = now();
      nanoseconds[i] = behind - before;
      before = behind;
    }
    if (after) after(i);
  }
  return kOk;
}

}  // namespace sinter::runtime
