#include "thread_pool.h"

#include <pthread.h>

#include <system_error>

namespace sinter::runtime {
namespace {

// Looks before a thread goes to sleep, some 10 ns each: when nothing runs, and between the rounds of a run. Next to nothing where
// threads must share a core.
constexpr int kSpins = 10000, kSpinsBetween = 100000, kSpinsShared = 20;
// Looks before a thread asks whether another has begun its part, which takes the answer's line from that one.
constexpr int kPatience = 30;
// Looks after which a thread lets others run, which may be the ones it waits for, left on the same core.
constexpr int kTurn = 1000;

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// How many forks lie between the first process and this one. Asking the system for the process at every step would take longer than
// a small step.
std::atomic<uint32_t> generation{0};

uint32_t watched_generation() {
  static const int failed = pthread_atfork(nullptr, nullptr, [] { generation.fetch_add(1, std::memory_order_relaxed); });
  if (failed != 0) throw std::system_error(failed, std::generic_category(), "cannot watch for forks");
  return generation.load(std::memory_order_relaxed);
}

}  // namespace

ThreadPool::ThreadPool(int threads)
    : threads_(threads), generation_(watched_generation()), signals_(std::make_unique<Signals>(threads)) {
  const bool alone = static_cast<unsigned>(threads) <= std::thread::hardware_concurrency();
  spins_ = alone ? kSpins : kSpinsShared;
  spins_between_ = alone ? kSpinsBetween : kSpinsShared;
  Signals& s = *signals_;
  s.parts[0].done.store(1);
  s.workers.reserve(static_cast<size_t>(threads - 1));
  try {
    for (int part = 1; part < threads; ++part) s.workers.emplace_back(&ThreadPool::work, this, part);
  } catch (...) {
    stop();
    throw;
  }
  // What a thread allocates when it starts is not left for the first run.
  await([this] { return others_done(1); });
}

ThreadPool::~ThreadPool() { stop(); }

// A forked child has this object but not its threads, and a lock or a signal that one of them held is held for ever.
bool ThreadPool::forked() const { return generation_ != generation.load(std::memory_order_relaxed); }

void ThreadPool::stop() {
  if (forked()) {
    signals_.release();
    return;
  }
  signals_->stopping.store(true);
  wake_sleepers();
  for (std::thread& t : signals_->workers) t.join();
}

void ThreadPool::run(Task task, void* argument, const bool* shared, int rounds) {
  if (threads_ == 1 || forked()) {
    for (int round = 0; round < rounds; ++round) {
      for (int part = 0; part < (shared[round] ? threads_ : 1); ++part) task(argument, round, part);
    }
    return;
  }
  int begin = 0;
  for (; begin < rounds && !shared[begin]; ++begin) task(argument, begin, 0);
  if (begin == rounds) return;
  const Run run = {task, argument, shared, next_ - static_cast<uint64_t>(begin), begin, rounds};
  next_ += static_cast<uint64_t>(rounds - begin);
  signals_->running.store(true, std::memory_order_relaxed);
  publish(run);
  go_through(run, 0);
  signals_->running.store(false, std::memory_order_relaxed);
}

// A thread that comes late may read while the next run is written: it takes a run only if its version did not change meanwhile.
// With the run before, it finds all parts begun.
void ThreadPool::publish(const Run& run) {
  Signals& s = *signals_;
  const uint64_t version = s.version.load(std::memory_order_relaxed);
  s.version.store(version + 1, std::memory_order_relaxed);
  s.task.store(run.task, std::memory_order_release);
  s.argument.store(run.argument, std::memory_order_release);
  s.shared.store(run.shared, std::memory_order_release);
  s.base.store(run.base, std::memory_order_release);
  s.begin.store(run.begin, std::memory_order_release);
  s.rounds.store(run.rounds, std::memory_order_release);
  s.version.store(version + 2);
  wake_sleepers();
}

bool ThreadPool::read(Run& run, uint64_t& version) const {
  const Signals& s = *signals_;
  const uint64_t before = s.version.load();
  run = {s.task.load(std::memory_order_acquire),   s.argument.load(std::memory_order_acquire),
         s.shared.load(std::memory_order_acquire), s.base.load(std::memory_order_acquire),
         s.begin.load(std::memory_order_acquire),  s.rounds.load(std::memory_order_acquire)};
  if (before % 2 != 0 || s.version.load(std::memory_order_relaxed) != before) return false;
  version = before;
  return true;
}

void ThreadPool::work(int own) {
  Signals& s = *signals_;
  finish(own, 1);
  Run run;
  for (uint64_t seen = 0;;) {
    await([&s, seen] {
      const uint64_t version = s.version.load();
      return (version != seen && version % 2 == 0) || s.stopping.load();
    });
    if (s.stopping.load()) return;
    if (read(run, seen)) go_through(run, own);
  }
}

void ThreadPool::go_through(const Run& run, int own) {
  Signals& s = *signals_;
  uint64_t before = 0;  // the last round that was shared
  bool alone = false;   // whether another thread's part was left to this one in it
  for (int round = run.begin; round < run.rounds; ++round) {
    const uint64_t number = run.base + static_cast<uint64_t>(round);
    const auto previous_done = [&, number, before] { return s.parts[0].done.load() >= number - 1 && others_done(before); };
    if (!run.shared[round]) {
      if (own != 0) continue;
      if (run.shared[round - 1]) await(previous_done);
      run.task(run.argument, round, 0);
      if (round + 1 < run.rounds && run.shared[round + 1]) finish(0, number);
      continue;
    }
    if (round != run.begin) await(previous_done);
    before = number;
    if (begin(own, number)) {
      run.task(run.argument, round, own);
      finish(own, number);
    }
    bool left = false;
    for (int i = 1; i < threads_; ++i) {
      const int part = (own + i) % threads_;
      const std::atomic<uint64_t>& done = s.parts[static_cast<size_t>(part)].done;
      for (int look = 0; !alone && look < kPatience && done.load() < number; ++look) relax();
      if (done.load() >= number || !begin(part, number)) continue;
      run.task(run.argument, round, part);
      finish(part, number);
      left = true;
    }
    alone = left;
  }
  if (own == 0) await([&s, this, before] { return s.parts[0].done.load() >= before && others_done(before); });
}

bool ThreadPool::others_done(uint64_t number) const {
  for (size_t part = 1; part < static_cast<size_t>(threads_); ++part) {
    if (signals_->parts[part].done.load() < number) return false;
  }
  return true;
}

// Whether nobody else has begun this part.
bool ThreadPool::begin(int part, uint64_t number) {
  std::atomic<uint64_t>& begun = signals_->parts[static_cast<size_t>(part)].begun;
  for (uint64_t last = begun.load(); last < number;) {
    if (begun.compare_exchange_weak(last, number)) return true;
  }
  return false;
}

void ThreadPool::finish(int part, uint64_t number) {
  signals_->parts[static_cast<size_t>(part)].done.store(number);
  wake_sleepers();
}

// A thread says that it sleeps before it looks for the last time at what it waits for.
void ThreadPool::wake_sleepers() {
  Signals& s = *signals_;
  if (s.sleeping.load() == 0) return;
  std::lock_guard<std::mutex> lock(s.mutex);
  s.wake.notify_all();
}

template <class Condition>
void ThreadPool::await(Condition condition) {
  Signals& s = *signals_;
  for (int i = 0; i < (s.running.load(std::memory_order_relaxed) ? spins_between_ : spins_); ++i) {
    if (condition()) return;
    if (i % kTurn == kTurn - 1) {
      std::this_thread::yield();
    } else {
      relax();
    }
  }
  std::unique_lock<std::mutex> lock(s.mutex);
  s.sleeping.fetch_add(1);
  s.wake.wait(lock, condition);
  s.sleeping.fetch_sub(1);
}

}  // namespace sinter::runtime
