// Loads and runs plans that may be anything. Arguments are files and folders of plans; "-" reads frames from standard input, each a
// 32-bit size and that many bytes, and prints a line for each: "ok", or what was wrong. Built with -fsanitize=fuzzer and
// SINTER_LIBFUZZER, it is a libFuzzer target instead.
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include <algorithm>
#include <string>
#include <vector>

#include "runtime/include/sinter.h"

namespace {

// Loads, and runs every entry on inputs of zeros, then of -1 in every byte; the text says what was refused.
std::string try_plan(const uint8_t* bytes, size_t size) {
  sinter_options options{};
  options.struct_size = sizeof(options);
  options.memory_limit = 1 << 24;
  sinter_model* model = nullptr;
  sinter_context* context = nullptr;
  if (sinter_model_load_copy(bytes, size, &options, &model) != SINTER_OK) return sinter_error();
  if (sinter_context_create(model, 1, &context) != SINTER_OK) {
    sinter_model_free(model);
    return sinter_error();
  }
  std::string verdict = "ok";
  for (size_t entry = 0; entry < sinter_model_entries(model); ++entry) {
    std::vector<std::vector<uint8_t>> memory;
    std::vector<const void*> inputs;
    std::vector<void*> outputs;
    sinter_tensor tensor;
    for (size_t i = 0; sinter_model_input(model, entry, i, &tensor) == SINTER_OK; ++i) memory.emplace_back(tensor.bytes + 1);
    for (size_t i = 0; sinter_model_output(model, entry, i, &tensor) == SINTER_OK; ++i) memory.emplace_back(tensor.bytes + 1);
    for (size_t i = 0; i < memory.size(); ++i) {
      if (i < sinter_model_inputs(model, entry))
        inputs.push_back(memory[i].data());
      else
        outputs.push_back(memory[i].data());
    }
    for (const int fill : {0, 255}) {
      for (size_t i = 0; i < inputs.size(); ++i) std::fill(memory[i].begin(), memory[i].end(), static_cast<uint8_t>(fill));
      if (sinter_run(context, entry, inputs.data(), outputs.data()) != SINTER_OK) verdict = sinter_context_error(context);
    }
  }
  sinter_context_free(context);
  sinter_model_free(model);
  return verdict;
}

}  // namespace

#ifdef SINTER_LIBFUZZER

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  try_plan(bytes, size);
  return 0;
}

#else

namespace {

bool read_exactly(void* bytes, size_t size) { return fread(bytes, 1, size, stdin) == size; }

int read_frames() {
  uint32_t size;
  std::vector<uint8_t> bytes;
  while (read_exactly(&size, sizeof(size))) {
    bytes.resize(size);
    bytes.shrink_to_fit();  // so that the sanitizer sees where the plan ends
    if (!read_exactly(bytes.data(), size)) return 1;
    printf("%s\n", try_plan(bytes.data(), size).c_str());
    fflush(stdout);
  }
  return 0;
}

void try_path(const std::string& path) {
  if (DIR* folder = opendir(path.c_str())) {
    while (const dirent* item = readdir(folder)) {
      if (item->d_name[0] != '.') try_path(path + "/" + item->d_name);
    }
    closedir(folder);
    return;
  }
  FILE* file = fopen(path.c_str(), "rb");
  if (file == nullptr) {
    printf("%s: cannot open\n", path.c_str());
    return;
  }
  std::vector<uint8_t> bytes;
  uint8_t block[4096];
  for (size_t count; (count = fread(block, 1, sizeof(block), file)) != 0;) bytes.insert(bytes.end(), block, block + count);
  fclose(file);
  printf("%s: %s\n", path.c_str(), try_plan(bytes.data(), bytes.size()).c_str());
}

}  // namespace

int main(int count, char** arguments) {
  if (count == 2 && strcmp(arguments[1], "-") == 0) return read_frames();
  for (int i = 1; i < count; ++i) try_path(arguments[i]);
  return count > 1 ? 0 : 2;
}

#endif
