// The clock of the core that it runs on: additions that wait for one another take one cycle each.
#include <chrono>

extern "C" double clock_hertz() {
  using Clock = std::chrono::steady_clock;
  constexpr int kRounds = 20000, kSteps = 64;
  double best = 0;
  for (int trial = 0; trial < 50; ++trial) {
    unsigned long value = static_cast<unsigned long>(trial);
    const Clock::time_point start = Clock::now();
    for (int i = 0; i < kRounds; ++i) {
#pragma GCC unroll 64
      for (int step = 0; step < kSteps; ++step) {
        value += 3;
        asm volatile("" : "+r"(value));
      }
    }
    const double rate = kRounds * kSteps / std::chrono::duration<double>(Clock::now() - start).count();
    if (rate > best) best = rate;
  }
  return best;
}
