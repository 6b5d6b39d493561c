// The C and C++ interfaces: every way to load, what they refuse, and what runs give.
#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include <functional>
#include <thread>

#include "expect.h"
#include "plan_builder.h"
#include "runtime/cpu.h"
#include "runtime/include/sinter.hpp"

namespace {

using sinter::chain_plan;
using sinter::PlanBuilder;

sinter_status failure(const std::function<void()>& body, std::string* text = nullptr) {
  try {
    body();
    return SINTER_OK;
  } catch (const sinter::Error& error) {
    if (text != nullptr) *text = error.what();
    return error.status;
  }
}

void expect_runs(const sinter::Model& model, int threads, int8_t added) {
  sinter::Context context(model, threads);
  std::vector<int8_t> x(model.inputs()[0].bytes), y(model.outputs()[0].bytes);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<int8_t>(i % 100);
  for (int repeat = 0; repeat < 3; ++repeat) {
    const void* inputs[] = {x.data()};
    void* outputs[] = {y.data()};
    context.run(inputs, outputs);
    for (size_t i = 0; i < x.size(); ++i) EXPECT(y[i] == static_cast<int8_t>(x[i] + added));
  }
}

void test_loading() {
  const std::vector<uint8_t> bytes = chain_plan(3, 20000).bytes();
  char path[] = "/tmp/sinter_test_XXXXXX";
  const int file = mkstemp(path);
  EXPECT(file >= 0 && write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  close(file);
  expect_runs(sinter::Model(path), 1, 3);
  expect_runs(sinter::Model::mapped(path), 2, 3);
  expect_runs(sinter::Model::copy(bytes.data(), bytes.size()), 8, 3);
  std::vector<uint8_t> room(bytes.size() + 64);
  uint8_t* base = room.data() + (64 - reinterpret_cast<uintptr_t>(room.data()) % 64);
  memcpy(base, bytes.data(), bytes.size());
  expect_runs(sinter::Model::borrow(base, bytes.size()), 1, 3);
  EXPECT(failure([&] { sinter::Model::borrow(base + 1, bytes.size() - 1); }) == SINTER_BAD_ARGUMENT);
  EXPECT(truncate(path, 0) == 0);
  EXPECT(failure([&] { sinter::Model{path}; }) == SINTER_BAD_PLAN);
  EXPECT(failure([&] { sinter::Model::mapped(path); }) == SINTER_BAD_PLAN);
  unlink(path);
  EXPECT(failure([&] { sinter::Model{path}; }) == SINTER_IO);
  EXPECT(failure([&] { sinter::Model{"/"}; }) == SINTER_IO);
}

void test_versions_and_sections() {
  std::vector<uint8_t> bytes = chain_plan(1, 4).bytes();
  std::string text;
  sinter::plan::Header header;
  memcpy(&header, bytes.data(), sizeof(header));
  ++header.version;
  memcpy(bytes.data(), &header, sizeof(header));
  EXPECT(failure([&] { sinter::Model::copy(bytes.data(), bytes.size()); }, &text) == SINTER_BAD_PLAN);
  EXPECT(text.find("format version 2") != std::string::npos);
  for (const uint32_t flags : {0u, sinter::plan::kRequired}) {
    PlanBuilder plan = chain_plan(1, 4);
    plan.unknown_section = true;
    plan.unknown_flags = flags;
    bytes = plan.bytes();
    EXPECT((failure([&] { sinter::Model::copy(bytes.data(), bytes.size()); }) == SINTER_OK) == (flags == 0));
  }
}

void test_arguments() {
  const std::vector<uint8_t> bytes = chain_plan(1, 4).bytes();
  EXPECT(sinter_abi_version() == SINTER_ABI_VERSION);
  EXPECT(sinter_model_load_copy(bytes.data(), bytes.size(), nullptr, nullptr) == SINTER_BAD_ARGUMENT);
  sinter_options options{};
  sinter_model* model = nullptr;
  EXPECT(sinter_model_load_copy(bytes.data(), bytes.size(), &options, &model) == SINTER_BAD_ARGUMENT && model == nullptr);
  options.struct_size = sizeof(options);
  options.isa = "abacus";
  EXPECT(sinter_model_load_copy(bytes.data(), bytes.size(), &options, &model) == SINTER_BAD_ARGUMENT);
  EXPECT(strstr(sinter_error(), "abacus") != nullptr);
  options.isa = "scalar";
  options.memory_limit = 10;
  EXPECT(sinter_model_load_copy(bytes.data(), bytes.size(), &options, &model) == SINTER_NO_MEMORY);
  options.memory_limit = 0;
  EXPECT(sinter_model_load_copy(bytes.data(), bytes.size(), &options, &model) == SINTER_OK);
  size_t entry = 7;
  sinter_tensor tensor;
  EXPECT(sinter_model_entries(model) == 1 && sinter_model_entry(model, "main", &entry) == SINTER_OK && entry == 0);
  EXPECT(sinter_model_entry(model, "other", &entry) == SINTER_BAD_ARGUMENT);
  EXPECT(sinter_model_inputs(model, 1) == 0 && sinter_model_input(model, 0, 1, &tensor) == SINTER_BAD_ARGUMENT);
  EXPECT(sinter_model_output(model, 0, 0, &tensor) == SINTER_OK && strcmp(tensor.name, "y") == 0 && tensor.rank == 1);
  EXPECT(tensor.shape[0] == 4 && tensor.bytes == 4 && tensor.dtype == SINTER_INT8 && tensor.scale == 0);
  EXPECT(sinter_model_arena_bytes(model) == 68 && sinter_model_scratch_bytes(model) == 0 && sinter_model_weight_bytes(model) > 0);
  sinter_context* context = nullptr;
  EXPECT(sinter_context_create(model, 0, &context) == SINTER_BAD_ARGUMENT && context == nullptr);
  EXPECT(sinter_context_create(model, 1 << 20, &context) == SINTER_BAD_ARGUMENT);
  EXPECT(sinter_context_create(model, 1, &context) == SINTER_OK);
  sinter_model_free(model);  // the context keeps the model itself alive
  int8_t x[4] = {1, 2, 3, 127}, y[4];
  const void* inputs[] = {x};
  void* outputs[] = {y};
  EXPECT(sinter_run(context, 0, inputs, outputs) == SINTER_OK && y[0] == 2 && y[3] == 127);
  EXPECT(sinter_run(context, 1, inputs, outputs) == SINTER_BAD_ARGUMENT && strlen(sinter_context_error(context)) > 0);
  EXPECT(sinter_run(context, 0, nullptr, outputs) == SINTER_BAD_ARGUMENT);
  inputs[0] = nullptr;
  EXPECT(sinter_run(context, 0, inputs, outputs) == SINTER_BAD_ARGUMENT);
  EXPECT(sinter_run(nullptr, 0, inputs, outputs) == SINTER_BAD_ARGUMENT);
  sinter_context_free(context);
  sinter_context_free(nullptr);
  sinter_model_free(nullptr);
}

void count_lines(void* count, const char*) { ++*static_cast<int*>(count); }

// A kernel of another processor's, or one above the best that may be used, gives way to one that reads the same constants.
void test_substitution() {
  for (const char* named : {"avx2", "neon"}) {
    const sinter::Kernel* wanted = nullptr;
    for (size_t i = 0; i < sinter::kKernelCount && wanted == nullptr; ++i) {
      const sinter::Kernel& row = sinter::kKernels[i];
      if (strcmp(row.family, "conv_s8") == 0 && strcmp(row.isa, named) == 0) wanted = &row;
    }
    if (wanted == nullptr) continue;
    PlanBuilder plan;
    const uint32_t x = plan.buffer(sinter::plan::kArena, 0, 100), y = plan.buffer(sinter::plan::kArena, 128, 100);
    plan.add_one(x, y, 100, *wanted);
    plan.tensor(x, "x");
    plan.tensor(y, "y");
    plan.entries.push_back({228, 0, plan.text("main"), 0, 1, 0, 1, 1});
    const std::vector<uint8_t> bytes = plan.bytes();
    sinter_options options{};
    int lines = 0;
    options.struct_size = sizeof(options);
    options.isa = "scalar";
    options.log = count_lines;
    options.log_user = &lines;
    expect_runs(sinter::Model::copy(bytes.data(), bytes.size(), &options), 1, 1);
    EXPECT(lines == 1);
    options.isa = nullptr;
    lines = 0;
    expect_runs(sinter::Model::copy(bytes.data(), bytes.size(), &options), 1, 1);
    EXPECT(lines == (sinter::runtime::find_isa(named)->available ? 0 : 1));
  }
}

// State counts up by two with every run, from its initial values.
void test_state() {
  PlanBuilder plan;
  const uint32_t x = plan.buffer(sinter::plan::kArena, 0, 1), y = plan.buffer(sinter::plan::kArena, 64, 3);
  const uint32_t state = plan.buffer(sinter::plan::kState, 0, 3);
  plan.add_one(state, y, 3);
  plan.add_one(y, state, 3);
  plan.tensor(x, "x");
  plan.tensor(y, "y");
  plan.entries.push_back({67, 3, plan.text("main"), 0, 2, 0, 1, 1});
  plan.state = {10, 20};
  const std::vector<uint8_t> bytes = plan.bytes();
  const sinter::Model model = sinter::Model::copy(bytes.data(), bytes.size());
  sinter::Context first(model), second(model);
  int8_t in = 0, out[3];
  const void* inputs[] = {&in};
  void* outputs[] = {out};
  for (int8_t run = 0; run < 3; ++run) {
    first.run(inputs, outputs);
    EXPECT(out[0] == 11 + 2 * run && out[1] == 21 + 2 * run && out[2] == 1 + 2 * run);
  }
  second.run(inputs, outputs);
  EXPECT(out[0] == 11);
  first.reset();
  first.run(inputs, outputs);
  EXPECT(out[0] == 11 && out[2] == 1);
}

// Two entries over the same weights, of different sizes.
void test_entries() {
  PlanBuilder plan = chain_plan(1, 8);
  const uint32_t x = plan.buffer(sinter::plan::kArena, 0, 3), y = plan.buffer(sinter::plan::kArena, 3, 3);
  plan.add_one(x, y, 3);
  plan.tensor(x, "x");
  plan.tensor(y, "y");
  plan.entries.push_back({6, 0, plan.text("short"), 1, 1, 2, 1, 1});
  const std::vector<uint8_t> bytes = plan.bytes();
  const sinter::Model model = sinter::Model::copy(bytes.data(), bytes.size());
  EXPECT(model.entries() == 2 && model.inputs(model.entry("short"))[0].bytes == 3);
  sinter::Context context(model);
  int8_t in[3] = {5, 6, 7}, out[3];
  const void* inputs[] = {in};
  void* outputs[] = {out};
  context.run(inputs, outputs, model.entry("short"));
  EXPECT(out[0] == 6 && out[2] == 8);
}

// One thread more than asked for would be seen here.
size_t threads_of_this_process() {
  size_t count = 0;
  DIR* tasks = opendir("/proc/self/task");
  while (const dirent* task = tasks == nullptr ? nullptr : readdir(tasks)) count += task->d_name[0] != '.';
  if (tasks != nullptr) closedir(tasks);
  return count;
}

void test_thread_count() {
  const std::vector<uint8_t> bytes = chain_plan(1, 4).bytes();
  const sinter::Model model = sinter::Model::copy(bytes.data(), bytes.size());
  const size_t before = threads_of_this_process();
  if (before == 0) return;  // no /proc here
  for (const int threads : {1, 3}) {
    sinter::Context context(model, threads);
    EXPECT(threads_of_this_process() == before + static_cast<size_t>(threads) - 1);
  }
}

void test_self_test() {
  for (const bool right : {true, false}) {
    PlanBuilder plan = chain_plan(1, 3);
    plan.golden.push_back({64, 0, 0});
    plan.vectors.assign(64, 0);
    for (const int value : {0, 5, -5, 1, 6, 0}) plan.vectors.push_back(static_cast<uint8_t>(value));
    plan.vectors.back() = static_cast<uint8_t>(right ? -4 : -3);
    std::vector<uint8_t> bytes = plan.bytes();
    const sinter::Model model = sinter::Model::copy(bytes.data(), bytes.size());
    std::string text;
    if (right) EXPECT(model.self_test() == 1);
    if (!right) EXPECT(failure([&] { model.self_test(); }, &text) == SINTER_WRONG_RESULT);
    if (!right) EXPECT(text.find("'y' differs at element 2") != std::string::npos);
    plan.vectors.pop_back();
    bytes = plan.bytes();
    EXPECT(failure([&] { sinter::Model::copy(bytes.data(), bytes.size()); }) == SINTER_BAD_PLAN);
  }
}

// A model is shared by threads, a context each.
void test_sharing() {
  const std::vector<uint8_t> bytes = chain_plan(4, 20000).bytes();
  const sinter::Model model = sinter::Model::copy(bytes.data(), bytes.size());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) threads.emplace_back([&model] { expect_runs(model, 2, 4); });
  for (std::thread& t : threads) t.join();
}

}  // namespace

int main() {
  test_loading();
  test_versions_and_sections();
  test_arguments();
  test_substitution();
  test_state();
  test_entries();
  test_thread_count();
  test_self_test();
  test_sharing();
  return report();
}
