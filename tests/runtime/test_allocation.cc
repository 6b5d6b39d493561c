// Nothing is allocated while a model runs: malloc and operator new are counted.
#include <stdlib.h>

#include <atomic>
#include <new>

#include "expect.h"
#include "plan_builder.h"
#include "runtime/include/sinter.hpp"

namespace {
std::atomic<bool> counting{false};
std::atomic<int> allocations{0};

void note() {
  if (counting.load()) allocations.fetch_add(1);
}
}  // namespace

#ifdef __SANITIZE_ADDRESS__

// AddressSanitizer has replaced malloc, and tells of every call.
extern "C" __attribute__((visibility("default"))) void __sanitizer_malloc_hook(const volatile void*, size_t) { note(); }

#else

extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* memory, size_t size);
void* __libc_memalign(size_t alignment, size_t size);

void* malloc(size_t size) {
  note();
  return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
  note();
  return __libc_calloc(count, size);
}
void* realloc(void* memory, size_t size) {
  note();
  return __libc_realloc(memory, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  note();
  return __libc_memalign(alignment, size);
}
}

#endif

int main() {
  const std::vector<uint8_t> bytes = sinter::chain_plan(6, 16384).bytes();
  const sinter::Model model = sinter::Model::copy(bytes.data(), bytes.size());
  for (const int threads : {1, 2, 4, 8}) {
    sinter::Context context(model, threads);
    std::vector<int8_t> x(16384, 1), y(16384);
    const void* inputs[] = {x.data()};
    void* outputs[] = {y.data()};
    counting = true;
    for (int run = 0; run < 20; ++run) context.run(inputs, outputs);
    context.reset();
    counting = false;
    EXPECT(allocations.load() == 0);
    EXPECT(y[0] == 7 && y[16383] == 7);
  }
  counting = true;
  delete new int;
  free(malloc(1));
  counting = false;
  EXPECT(allocations.load() >= 1);  // the count works
  return report();
}
