// The thread pool: every part of every task is done once, after pauses of any length, and after a fork.
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>

#include "expect.h"
#include "runtime/thread_pool.h"

namespace {

using sinter::runtime::ThreadPool;

struct Counts {
  std::atomic<int> of[16] = {};
};

void count(void* argument, int worker) { static_cast<Counts*>(argument)->of[worker].fetch_add(1); }

void test_counts(int threads) {
  ThreadPool pool(threads);
  EXPECT(pool.threads() == threads);
  Counts counts;
  const int runs = 2000;
  for (int run = 0; run < runs; ++run) {
    pool.run(count, &counts);
    for (int worker = 0; worker < threads; ++worker) EXPECT(counts.of[worker].load() == run + 1);
    if (run % 500 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

// Work that takes longer than the caller looks for its end.
void slow(void* argument, int worker) {
  if (worker != 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  count(argument, worker);
}

void test_slow_workers() {
  ThreadPool pool(3);
  Counts counts;
  for (int run = 0; run < 20; ++run) pool.run(slow, &counts);
  for (int worker = 0; worker < 3; ++worker) EXPECT(counts.of[worker].load() == 20);
}

void test_unused() {
  for (int threads = 1; threads <= 8; ++threads) ThreadPool pool(threads);
}

// A child has no threads but its own; it does all the work itself, whatever the others were at when it was made: looking for work,
// falling asleep or sleeping.
void test_fork() {
  for (int round = 0; round < 60; ++round) {
    ThreadPool* pool = new ThreadPool(4);
    Counts counts;
    pool->run(count, &counts);
    if (round % 2 != 0) pool->rest();
    std::this_thread::sleep_for(std::chrono::microseconds(round % 20 * 70));
    const pid_t child = fork();
    if (child == 0) {
      pool->run(count, &counts);
      delete pool;
      int wrong = 0;
      for (int worker = 0; worker < 4; ++worker) wrong += counts.of[worker].load() != 2;
      _exit(wrong);
    }
    int status = -1;
    EXPECT(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    pool->run(count, &counts);
    delete pool;
  }
}

}  // namespace

int main() {
  for (int threads = 1; threads <= 8; ++threads) test_counts(threads);
  test_slow_workers();
  test_unused();
  test_fork();
  return report();
}
