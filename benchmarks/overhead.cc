// What a run costs beside its kernels: one step of one value, and a chain of empty-handed steps on several threads.
#include <stdio.h>

#include <algorithm>
#include <chrono>

#include "runtime/include/sinter.hpp"
#include "tests/runtime/plan_builder.h"

namespace {

// The best of many rounds, nanoseconds a run.
double nanoseconds(sinter::Context& context, const void* const* inputs, void* const* outputs) {
  double best = 1e9;
  for (int round = 0; round < 50; ++round) {
    const int runs = 2000;
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < runs; ++i) context.run(inputs, outputs);
    const std::chrono::duration<double, std::nano> taken = std::chrono::steady_clock::now() - start;
    best = std::min(best, taken.count() / runs);
  }
  return best;
}

// What a run of one step may cost, in nanoseconds.
constexpr double kMost = 1000;

double measure(int32_t steps, int32_t count, int threads) {
  const std::vector<uint8_t> bytes = sinter::chain_plan(steps, count).bytes();
  const sinter::Model model = sinter::Model::copy(bytes.data(), bytes.size());
  sinter::Context context(model, threads);
  std::vector<int8_t> x(static_cast<size_t>(count)), y(x);
  const void* inputs[] = {x.data()};
  void* outputs[] = {y.data()};
  return nanoseconds(context, inputs, outputs);
}

}  // namespace

int main() {
  const double one = measure(1, 1, 1);
  printf("one step of one value: %.0f ns a run\n", one);
  printf("each further step: %.0f ns\n", (measure(101, 1, 1) - one) / 100);
  for (const int threads : {1, 2}) printf("16 steps of 64 values, %d threads: %.0f ns a run\n", threads, measure(16, 64, threads));
  return one < kMost ? 0 : 1;
}
