// The thread pool: every part of every round is done once, in order, after pauses of any length, and after a fork.
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>

#include "expect.h"
#include "runtime/thread_pool.h"

namespace {

using sinter::runtime::ThreadPool;

constexpr int kRounds = 7;
// Some rounds are the caller's alone, at both ends and between; the first of kAll is shared.
constexpr bool kSome[kRounds] = {false, true, true, false, false, true, false}, kNone[kRounds] = {},
               kAll[kRounds] = {true, true, true, true, true, true, true};

struct Counts {
  int threads;
  const bool* shared;
  std::thread::id caller = std::this_thread::get_id();
  std::atomic<int> of[kRounds][16] = {};
  std::atomic<int> parts{0}, misplaced{0};

  Counts(int threads_, const bool* shared_) : threads(threads_), shared(shared_) {}
  int parts_before(int round) const {
    int all = 0;
    for (int i = 0; i < round; ++i) all += shared[i] ? threads : 1;
    return all;
  }
};

// Counts a part, and whether it came before an earlier round was done, or an unshared one elsewhere than in the caller.
void count(void* argument, int round, int part) {
  Counts& c = *static_cast<Counts*>(argument);
  const int behind = c.parts.load() % c.parts_before(kRounds) - c.parts_before(round);
  if (behind < 0 || behind >= (c.shared[round] ? c.threads : 1)) c.misplaced.fetch_add(1);
  if (!c.shared[round] && (part != 0 || std::this_thread::get_id() != c.caller)) c.misplaced.fetch_add(1);
  c.of[round][part].fetch_add(1);
  c.parts.fetch_add(1);
}

int wrong(const Counts& c, int runs) {
  int wrong = c.misplaced.load();
  for (int round = 0; round < kRounds; ++round) {
    for (int part = 0; part < (c.shared[round] ? c.threads : 1); ++part) wrong += c.of[round][part].load() != runs;
  }
  return wrong;
}

void test_counts(int threads, const bool* shared) {
  ThreadPool pool(threads);
  EXPECT(pool.threads() == threads);
  Counts counts(threads, shared);
  const int runs = 2000;
  for (int run = 0; run < runs; ++run) {
    pool.run(count, &counts, shared, kRounds);
    EXPECT(wrong(counts, run + 1) == 0);
    if (run % 500 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

// Runs of other rounds follow each other while threads still look at the last one.
void test_changing_runs(int threads) {
  ThreadPool pool(threads);
  Counts all(threads, kAll), some(threads, kSome);
  for (int run = 0; run < 5000; ++run) {
    pool.run(count, &all, kAll, kRounds);
    pool.run(count, &some, kSome, kRounds);
  }
  EXPECT(wrong(all, 5000) == 0 && wrong(some, 5000) == 0);
}

// Work that takes longer than the others look for its end.
void slow(void* argument, int round, int part) {
  if (part != 0 || round == 3) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  count(argument, round, part);
}

void test_slow_rounds() {
  ThreadPool pool(3);
  Counts counts(3, kSome);
  for (int run = 0; run < 20; ++run) pool.run(slow, &counts, kSome, kRounds);
  EXPECT(wrong(counts, 20) == 0);
}

void test_unused() {
  for (int threads = 1; threads <= 8; ++threads) ThreadPool pool(threads);
}

// A child has no threads but its own; it does all the work itself, whatever the others were at when it was made: looking for work,
// falling asleep or sleeping.
void test_fork() {
  for (int trial = 0; trial < 60; ++trial) {
    ThreadPool* pool = new ThreadPool(4);
    Counts counts(4, kSome);
    pool->run(count, &counts, kSome, kRounds);
    std::this_thread::sleep_for(std::chrono::microseconds(trial % 20 * 70));
    const pid_t child = fork();
    if (child == 0) {
      pool->run(count, &counts, kSome, kRounds);
      delete pool;
      _exit(wrong(counts, 2));
    }
    int status = -1;
    EXPECT(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    pool->run(count, &counts, kSome, kRounds);
    EXPECT(wrong(counts, 2) == 0);
    delete pool;
  }
}

}  // namespace

int main() {
  for (int threads = 1; threads <= 8; ++threads) {
    for (const bool* shared : {kSome, kNone, kAll}) test_counts(threads, shared);
    test_changing_runs(threads);
  }
  test_slow_rounds();
  test_unused();
  test_fork();
  return report();
}
