// Runs kernels on operands that end at guard pages: reads steps from standard input, writes a status and the output of each.
//
// A step is: name, params, the number of inputs, each input, the output's size; strings and arrays are a 64-bit size and their
// bytes, all little-endian. The tiles run once in order and once backwards, one by one; outputs that differ give status -2, an
// unknown kernel -1. With an argument: writes the instruction sets that this processor has, one a line.
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "kernels/registry.h"
#include "runtime/cpu.h"

namespace {

using sinter::Extent;
using sinter::Kernel;

class Guarded {
 public:
  explicit Guarded(size_t size, size_t alignment) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE)), room = (size + page) / page * page;
    mapped_ = room + page;
    base_ = static_cast<uint8_t*>(mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (base_ == MAP_FAILED || mprotect(base_ + room, page, PROT_NONE) != 0) {
      perror("mmap");
      _exit(1);
    }
    memset(base_, 0xA5, room);
    data_ = base_ + (room - size) / alignment * alignment;
  }
  ~Guarded() { munmap(base_, mapped_); }
  Guarded(const Guarded&) = delete;
  uint8_t* data() { return data_; }

 private:
  uint8_t *base_, *data_;
  size_t mapped_;
};

bool read_exactly(void* to, size_t size) { return size == 0 || fread(to, 1, size, stdin) == size; }

bool read_size(size_t* size) {
  uint64_t wide;
  if (!read_exactly(&wide, sizeof(wide))) return false;
  *size = static_cast<size_t>(wide);
  return true;
}

bool read_bytes(std::string* bytes) {
  size_t size;
  if (!read_size(&size)) return false;
  bytes->resize(size);
  return read_exactly(bytes->data(), size);
}

int32_t run(const Kernel& kernel, const std::string& params_bytes, const std::vector<std::string>& inputs, std::string* output) {
  Guarded params(params_bytes.size(), 16);
  memcpy(params.data(), params_bytes.data(), params_bytes.size());
  std::vector<Guarded*> memory;
  std::vector<void*> operands;
  std::vector<Extent> extents;
  for (const std::string& input : inputs) {
    memory.push_back(new Guarded(input.size(), 1));
    memcpy(memory.back()->data(), input.data(), input.size());
    operands.push_back(memory.back()->data());
    extents.push_back({input.size(), input.size() % 4 == 0 ? 4u : 1u, 0});
  }
  std::string outputs[2];
  extents.push_back({output->size(), output->size() % 4 == 0 ? 4u : 1u, 1});
  operands.push_back(nullptr);
  int32_t status = kernel.check(kernel, params.data(), extents.data(), extents.size());
  for (int backwards = 0; backwards < 2 && status == 0; ++backwards) {
    Guarded memory_out(output->size(), 1), scratch(kernel.scratch(kernel, params.data()), 64);
    operands.back() = memory_out.data();
    const int32_t tiles = kernel.tiles(kernel, params.data());
    if (backwards == 0) {
      status = kernel.run(params.data(), operands.data(), scratch.data(), 0, tiles);
    } else {
      for (int32_t tile = tiles; tile-- > 0 && status == 0;) {
        status = kernel.run(params.data(), operands.data(), scratch.data(), tile, tile + 1);
      }
    }
    outputs[backwards].assign(reinterpret_cast<const char*>(memory_out.data()), output->size());
  }
  *output = outputs[0];
  for (Guarded* each : memory) delete each;
  return status == 0 && outputs[0] != outputs[1] ? -2 : status;
}

}  // namespace

int main(int argc, char**) {
  for (size_t i = 0; argc > 1 && i < sinter::runtime::kIsaCount; ++i) {
    if (sinter::runtime::kIsas[i].available) puts(sinter::runtime::kIsas[i].name);
  }
  if (argc > 1) return 0;
  std::string name, params;
  while (read_bytes(&name)) {
    size_t count, size;
    if (!read_bytes(&params) || !read_size(&count)) return 1;
    std::vector<std::string> inputs(count);
    for (std::string& input : inputs) {
      if (!read_bytes(&input)) return 1;
    }
    if (!read_size(&size)) return 1;
    int32_t status = -1;
    std::string output(size, '\0');
    for (size_t i = 0; i < sinter::kKernelCount; ++i) {
      const Kernel& kernel = sinter::kKernels[i];
      if (name == kernel.name && kernel.run != nullptr && params.size() == kernel.params_size)
        status = run(kernel, params, inputs, &output);
    }
    output.resize(size);
    fwrite(&status, sizeof(status), 1, stdout);
    fwrite(output.data(), 1, output.size(), stdout);
    fflush(stdout);
  }
  return 0;
}
