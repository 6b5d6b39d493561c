#include <stdio.h>
#include <string.h>

#include <system_error>

#include "context.h"
#include "self_test.h"
#include "sinter.h"

using sinter::runtime::Context;
using sinter::runtime::Entry;
using sinter::runtime::Error;
using sinter::runtime::fail;
using sinter::runtime::Model;
using sinter::runtime::Options;
using sinter::runtime::Tensor;

struct sinter_model {
  std::shared_ptr<const Model> shared;
};

struct sinter_context {
  Context context;
};

namespace {

thread_local char last_error[512] = "";

sinter_status note(sinter_status status, const char* text) {
  snprintf(last_error, sizeof(last_error), "%s", text);
  return status;
}

// Nothing thrown leaves the C interface.
template <class Body>
sinter_status guarded(const Body& body) {
  try {
    body();
    return SINTER_OK;
  } catch (const Error& error) {
    return note(error.status, error.what());
  } catch (const std::bad_alloc&) {
    return note(SINTER_NO_MEMORY, "out of memory");
  } catch (const std::system_error& error) {
    return note(SINTER_NO_MEMORY, error.what());
  } catch (const std::exception& error) {
    return note(SINTER_INTERNAL, error.what());
  }
}

Options convert(const sinter_options* given) {
  Options options;
  if (given == nullptr) return options;
  if (given->struct_size < sizeof(sinter_options)) {
    fail(SINTER_BAD_ARGUMENT, "options.struct_size is ", given->struct_size, ", expected ", sizeof(sinter_options));
  }
  if (given->isa != nullptr) options.isa = given->isa;
  if (given->memory_limit != 0) options.memory_limit = given->memory_limit;
  if (given->log != nullptr) {
    options.log = [function = given->log, user = given->log_user](const std::string& text) { function(user, text.c_str()); };
  }
  return options;
}

template <class Load>
sinter_status load(const sinter_options* options, sinter_model** model, const Load& call) {
  return guarded([&] {
    if (model == nullptr) fail(SINTER_BAD_ARGUMENT, "model is NULL");
    *model = nullptr;
    *model = new sinter_model{call(convert(options))};
  });
}

const Entry& find_entry(const sinter_model* model, size_t entry) {
  if (model == nullptr) fail(SINTER_BAD_ARGUMENT, "model is NULL");
  const std::vector<Entry>& entries = model->shared->entries();
  if (entry >= entries.size()) fail(SINTER_BAD_ARGUMENT, "entry is ", entry, ", the model has ", entries.size());
  return entries[entry];
}

void describe(const std::vector<Tensor>& tensors, size_t index, sinter_tensor* result) {
  if (result == nullptr) fail(SINTER_BAD_ARGUMENT, "tensor is NULL");
  if (index >= tensors.size()) fail(SINTER_BAD_ARGUMENT, "tensor is ", index, ", the entry has ", tensors.size());
  const Tensor& t = tensors[index];
  *result = {t.name,          t.record->shape, t.bytes, t.record->rank, static_cast<sinter_dtype>(t.record->dtype),
             t.record->scale, t.record->zero};
}

}  // namespace

extern "C" {

uint32_t sinter_abi_version(void) { return SINTER_ABI_VERSION; }
const char* sinter_error(void) { return last_error; }

sinter_status sinter_model_load_file(const char* path, const sinter_options* options, sinter_model** model) {
  return load(options, model, [&](const Options& o) { return Model::load_file(path, o); });
}

sinter_status sinter_model_load_mapped(const char* path, const sinter_options* options, sinter_model** model) {
  return load(options, model, [&](const Options& o) { return Model::load_mapped(path, o); });
}

sinter_status sinter_model_load_copy(const void* bytes, size_t size, const sinter_options* options, sinter_model** model) {
  return load(options, model, [&](const Options& o) { return Model::load_copy(bytes, size, o); });
}

sinter_status sinter_model_load_borrowed(const void* bytes, size_t size, const sinter_options* options, sinter_model** model) {
  return load(options, model, [&](const Options& o) { return Model::load_borrowed(bytes, size, o); });
}

void sinter_model_free(sinter_model* model) { delete model; }

size_t sinter_model_entries(const sinter_model* model) { return model == nullptr ? 0 : model->shared->entries().size(); }

sinter_status sinter_model_entry(const sinter_model* model, const char* name, size_t* entry) {
  return guarded([&] {
    if (model == nullptr || name == nullptr || entry == nullptr) fail(SINTER_BAD_ARGUMENT, "an argument is NULL");
    const std::vector<Entry>& entries = model->shared->entries();
    for (size_t i = 0; i < entries.size(); ++i) {
      if (strcmp(entries[i].name, name) == 0) {
        *entry = i;
        return;
      }
    }
    fail(SINTER_BAD_ARGUMENT, "the model has no entry ", sinter::runtime::quoted(name));
  });
}

size_t sinter_model_inputs(const sinter_model* model, size_t entry) {
  return entry < sinter_model_entries(model) ? model->shared->entries()[entry].inputs.size() : 0;
}

size_t sinter_model_outputs(const sinter_model* model, size_t entry) {
  return entry < sinter_model_entries(model) ? model->shared->entries()[entry].outputs.size() : 0;
}

sinter_status sinter_model_input(const sinter_model* model, size_t entry, size_t index, sinter_tensor* tensor) {
  return guarded([&] { describe(find_entry(model, entry).inputs, index, tensor); });
}

sinter_status sinter_model_output(const sinter_model* model, size_t entry, size_t index, sinter_tensor* tensor) {
  return guarded([&] { describe(find_entry(model, entry).outputs, index, tensor); });
}

uint64_t sinter_model_weight_bytes(const sinter_model* model) { return model->shared->plan().weight_bytes; }
uint64_t sinter_model_arena_bytes(const sinter_model* model) { return model->shared->need().arena; }
uint64_t sinter_model_scratch_bytes(const sinter_model* model) { return model->shared->need().scratch; }

sinter_status sinter_context_create(const sinter_model* model, int threads, sinter_context** context) {
  return guarded([&] {
    if (model == nullptr || context == nullptr) fail(SINTER_BAD_ARGUMENT, "an argument is NULL");
    *context = nullptr;
    *context = new sinter_context{{model->shared, threads}};
  });
}

void sinter_context_free(sinter_context* context) { delete context; }

sinter_status sinter_run(sinter_context* context, size_t entry, const void* const* inputs, void* const* outputs) {
  if (context == nullptr) return SINTER_BAD_ARGUMENT;
  Context& c = context->context;
  const std::vector<Entry>& entries = c.model().entries();
  if (entry >= entries.size()) return c.refuse("the model has no entry of that number");
  const Entry& e = entries[entry];
  if ((inputs == nullptr && !e.inputs.empty()) || (outputs == nullptr && !e.outputs.empty()))
    return c.refuse("inputs or outputs is NULL");
  for (size_t i = 0; i < e.inputs.size(); ++i) {
    if (inputs[i] == nullptr) return c.refuse("an input is NULL");
  }
  for (size_t i = 0; i < e.outputs.size(); ++i) {
    if (outputs[i] == nullptr) return c.refuse("an output is NULL");
  }
  for (size_t i = 0; i < e.inputs.size(); ++i) {
    memcpy(c.data(e.inputs[i]), inputs[i], static_cast<size_t>(e.inputs[i].bytes));
  }
  const sinter::Status status = c.run(e);
  if (status != sinter::kOk) return status == sinter::kBadValue ? SINTER_BAD_VALUE : SINTER_INTERNAL;
  for (size_t i = 0; i < e.outputs.size(); ++i) {
    memcpy(outputs[i], c.data(e.outputs[i]), static_cast<size_t>(e.outputs[i].bytes));
  }
  return SINTER_OK;
}

sinter_status sinter_model_self_test(const sinter_model* model, int threads, size_t* examples) {
  return guarded([&] {
    if (model == nullptr) fail(SINTER_BAD_ARGUMENT, "model is NULL");
    const size_t count = sinter::runtime::self_test(model->shared, threads);
    if (examples != nullptr) *examples = count;
  });
}

void sinter_context_reset(sinter_context* context) {
  if (context != nullptr) context->context.reset();
}

const char* sinter_context_error(const sinter_context* context) {
  return context == nullptr ? "context is NULL" : context->context.error();
}

}  // extern "C"
