// What is counted: `counted PLAN` runs a plan once, `counted` the steps that standard input holds, in the form that
// tests/kernels/driver.cc states; each after one run to settle. An emulator counts between marker instructions (count.c), callgrind
// inside of counted_run().
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <string>
#include <vector>

#include "kernels/registry.h"
#include "runtime/include/sinter.hpp"

namespace {

__attribute__((noinline)) void start() {
#if defined(__aarch64__)
  __asm__ volatile("mov x27, x27" ::: "memory");
#elif defined(__arm__)
  __asm__ volatile("mov r10, r10" ::: "memory");
#endif
}

__attribute__((noinline)) void stop() {
#if defined(__aarch64__)
  __asm__ volatile("mov x28, x28" ::: "memory");
#elif defined(__arm__)
  __asm__ volatile("mov r11, r11" ::: "memory");
#endif
}

}  // namespace

extern "C" __attribute__((noinline)) void counted_run(sinter::Context& context, const void* const* inputs, void* const* outputs) {
  start();
  context.run(inputs, outputs);
  stop();
}

namespace {

std::string bytes() {
  uint64_t size = 0;
  if (fread(&size, sizeof(size), 1, stdin) != 1) exit(0);
  std::string text(static_cast<size_t>(size), '\0');
  if (size != 0 && fread(text.data(), text.size(), 1, stdin) != 1) exit(1);
  return text;
}

size_t number() {
  uint64_t value = 0;
  if (fread(&value, sizeof(value), 1, stdin) != 1) exit(1);
  return static_cast<size_t>(value);
}

void* aligned(std::vector<std::vector<uint64_t>>& memory, const std::string& content) {
  memory.emplace_back(content.size() / 8 + 16);
  const uintptr_t at = (reinterpret_cast<uintptr_t>(memory.back().data()) + 63) / 64 * 64;
  return content.copy(reinterpret_cast<char*>(at), content.size()), reinterpret_cast<void*>(at);
}

int run_steps() {
  for (;;) {
    const std::string name = bytes(), params = bytes();
    std::vector<std::vector<uint64_t>> memory;
    std::vector<void*> operands;
    for (size_t count = number(); count > 0; --count) operands.push_back(aligned(memory, bytes()));
    operands.push_back(aligned(memory, std::string(number(), '\0')));
    const sinter::Kernel* kernel = nullptr;
    for (size_t i = 0; i < sinter::kKernelCount; ++i) {
      if (name == sinter::kKernels[i].name) kernel = &sinter::kKernels[i];
    }
    if (kernel == nullptr || kernel->run == nullptr || params.size() != kernel->params_size) return 1;
    void* const record = aligned(memory, params);
    void* const scratch = aligned(memory, std::string(kernel->scratch(*kernel, record), '\0'));
    const int32_t tiles = kernel->tiles(*kernel, record);
    kernel->run(record, operands.data(), scratch, 0, tiles);
    start();
    kernel->run(record, operands.data(), scratch, 0, tiles);
    stop();
  }
}

int run_plan(const char* path) {
  const sinter::Model model(path);
  sinter::Context context(model);
  std::vector<std::vector<uint64_t>> memory;
  std::vector<const void*> inputs;
  std::vector<void*> outputs;
  for (const sinter_tensor& tensor : model.inputs()) inputs.push_back(aligned(memory, std::string(tensor.bytes, '\0')));
  for (const sinter_tensor& tensor : model.outputs()) outputs.push_back(aligned(memory, std::string(tensor.bytes, '\0')));
  context.run(inputs.data(), outputs.data());
  counted_run(context, inputs.data(), outputs.data());
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return argc > 1 ? run_plan(argv[1]) : run_steps(); }
