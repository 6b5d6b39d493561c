// A verified plan with its kernels chosen: immutable, shared by the contexts that run it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "plan.h"
#include "verify.h"

namespace sinter::runtime {

// 4 GiB, or three quarters of the machine's memory where that is less.
uint64_t default_memory_limit();

struct Options {
  std::string isa;  // empty: whatever the processor has
  uint64_t memory_limit = default_memory_limit();
  std::function<void(const std::string&)> log = [](const std::string&) {};
};

struct Tensor {
  const char* name;
  const plan::TensorRecord* record;
  uint64_t offset;  // in its region
  uint64_t bytes;
  uint32_t region;
};

struct Entry {
  const char* name;
  size_t step, steps;
  std::vector<Tensor> inputs, outputs;
};

class Model {
 public:
  // Each throws Error or std::bad_alloc. Borrowed bytes start on a multiple of 64 and outlive the model.
  static std::shared_ptr<const Model> load_file(const char* path, const Options& options);
  static std::shared_ptr<const Model> load_mapped(const char* path, const Options& options);
  static std::shared_ptr<const Model> load_copy(const void* bytes, uint64_t size, const Options& options);
  static std::shared_ptr<const Model> load_borrowed(const void* bytes, uint64_t size, const Options& options);

  const Plan& plan() const { return plan_; }
  const Kernel& kernel(size_t step) const { return *kernels_[step]; }
  const std::vector<Entry>& entries() const { return entries_; }
  const MemoryNeed& need() const { return need_; }
  uint64_t memory_limit() const { return memory_limit_; }

 private:
  // Keeps whatever holds the bytes alive: memory of its own, a mapping, or nothing.
  using Storage = std::shared_ptr<const uint8_t>;
  Model(Storage storage, uint64_t size, const Options& options);
  static std::shared_ptr<const Model> create(Storage storage, uint64_t size, const Options& options);

  Storage storage_;
  Plan plan_;
  std::vector<const Kernel*> kernels_;
  std::vector<Entry> entries_;
  MemoryNeed need_;
  uint64_t memory_limit_;
};

}  // namespace sinter::runtime
