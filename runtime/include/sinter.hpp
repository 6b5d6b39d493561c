// Sinter's C++ interface: owners for the handles of sinter.h, and exceptions for its statuses.
#pragma once

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "sinter.h"

namespace sinter {

struct Error : std::runtime_error {
  Error(sinter_status s, const char* text) : std::runtime_error(text), status(s) {}
  sinter_status status;
};

inline void check(sinter_status status) {
  if (status != SINTER_OK) throw Error(status, sinter_error());
}

// A loaded plan; copies share it. Every member throws Error.
class Model {
 public:
  explicit Model(const std::string& path, const sinter_options* options = nullptr) {
    sinter_model* model;
    check(sinter_model_load_file(path.c_str(), options, &model));
    own(model);
  }
  static Model mapped(const std::string& path, const sinter_options* options = nullptr) {
    sinter_model* model;
    check(sinter_model_load_mapped(path.c_str(), options, &model));
    return Model(model);
  }
  static Model copy(const void* bytes, std::size_t size, const sinter_options* options = nullptr) {
    sinter_model* model;
    check(sinter_model_load_copy(bytes, size, options, &model));
    return Model(model);
  }
  static Model borrow(const void* bytes, std::size_t size, const sinter_options* options = nullptr) {
    sinter_model* model;
    check(sinter_model_load_borrowed(bytes, size, options, &model));
    return Model(model);
  }

  sinter_model* get() const { return model_.get(); }
  std::size_t entries() const { return sinter_model_entries(get()); }
  std::size_t entry(const std::string& name) const {
    std::size_t index;
    check(sinter_model_entry(get(), name.c_str(), &index));
    return index;
  }
  std::vector<sinter_tensor> inputs(std::size_t entry = 0) const {
    std::vector<sinter_tensor> tensors(sinter_model_inputs(get(), entry));
    for (std::size_t i = 0; i < tensors.size(); ++i) check(sinter_model_input(get(), entry, i, &tensors[i]));
    return tensors;
  }
  std::vector<sinter_tensor> outputs(std::size_t entry = 0) const {
    std::vector<sinter_tensor> tensors(sinter_model_outputs(get(), entry));
    for (std::size_t i = 0; i < tensors.size(); ++i) check(sinter_model_output(get(), entry, i, &tensors[i]));
    return tensors;
  }
  std::size_t self_test(int threads = 1) const {
    std::size_t examples;
    check(sinter_model_self_test(get(), threads, &examples));
    return examples;
  }

 private:
  explicit Model(sinter_model* model) { own(model); }
  void own(sinter_model* model) { model_ = std::shared_ptr<sinter_model>(model, sinter_model_free); }
  std::shared_ptr<sinter_model> model_;
};

// The memory and state of one stream of runs. run() allocates nothing unless it throws.
class Context {
 public:
  explicit Context(const Model& model, int threads = 1) {
    sinter_context* context;
    check(sinter_context_create(model.get(), threads, &context));
    context_.reset(context);
  }
  void run(const void* const* inputs, void* const* outputs, std::size_t entry = 0) {
    const sinter_status status = sinter_run(context_.get(), entry, inputs, outputs);
    if (status != SINTER_OK) throw Error(status, sinter_context_error(context_.get()));
  }
  void reset() { sinter_context_reset(context_.get()); }

 private:
  struct Free {
    void operator()(sinter_context* context) const { sinter_context_free(context); }
  };
  std::unique_ptr<sinter_context, Free> context_;
};

}  // namespace sinter
