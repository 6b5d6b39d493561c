// What one thread needs to run a model: arena, state and scratch in one allocation, and every step resolved to pointers.
#pragma once

#include <functional>

#include "model.h"
#include "thread_pool.h"

namespace sinter::runtime {

// The multiply-accumulates of a step and the bytes of its operands: how long it takes, roughly.
uint64_t work(const Plan& plan, const plan::StepRecord& step);

class Context {
 public:
  // Allocates everything that runs will use; throws Error, std::bad_alloc or std::system_error. threads counts the caller.
  Context(std::shared_ptr<const Model> model, int threads);
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  const Model& model() const { return *model_; }
  int threads() const { return threads_; }

  // Where an input is to be written before a run, or an output is to be read after it.
  uint8_t* data(const Tensor& tensor) { return address(tensor.region, tensor.offset); }

  // Runs an entry's steps; the inputs must have been written since the last run. Unless null, nanoseconds[i] becomes the time of
  // the entry's step i; after(i) is called behind step i, while its outputs are still there. Where the status is not kOk, error()
  // tells what was found.
  Status run(const Entry& entry, uint64_t* nanoseconds = nullptr, const std::function<void(size_t)>& after = {});

  // The bytes of an operand of the plan, as they are now.
  const uint8_t* operand(size_t index) const { return static_cast<const uint8_t*>(operands_[index]); }

  const char* error() const { return error_; }

  // Notes that a run was asked for with a wrong argument.
  sinter_status refuse(const char* what);

  // Puts the state back to its initial values.
  void reset();

 private:
  struct ResolvedStep {
    RunFunction run;
    const void* params;
    void* const* operands;
    int32_t tiles, parts;  // parts: for as many threads
  };
  // Consecutive steps, and the one that failed: its index among them and what it returned.
  struct Job {
    const Context* context;
    const ResolvedStep* steps;
    std::atomic<int> failed;
    std::atomic<Status> status;
  };

  uint8_t* address(uint32_t region, uint64_t offset);
  static void run_part(void* job, int step, int part);

  std::shared_ptr<const Model> model_;
  int threads_;
  AlignedBytes memory_;
  uint8_t *state_, *scratch_;
  std::vector<void*> operands_;
  std::vector<ResolvedStep> steps_;
  std::unique_ptr<bool[]> shared_;  // whether a step has several parts
  std::unique_ptr<ThreadPool> pool_;
  char error_[512] = "";
};

}  // namespace sinter::runtime
