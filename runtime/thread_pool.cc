#include "thread_pool.h"

#include <pthread.h>

#include <system_error>

namespace sinter::runtime {
namespace {

// Looks before a thread goes to sleep, some 10 ns each: when nothing runs, and between the steps of a run. Next to nothing where
// threads must share a core.
constexpr int kSpins = 10000, kSpinsBetween = 100000, kSpinsShared = 20;

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

constexpr uint32_t number_of(uint64_t state) { return static_cast<uint32_t>(state >> 32); }

}  // namespace

ThreadPool::ThreadPool(int threads) : threads_(threads), generation_(watched_generation()) {
  const bool alone = static_cast<unsigned>(threads) <= std::thread::hardware_concurrency();
  spins_ = alone ? kSpins : kSpinsShared;
  spins_between_ = alone ? kSpinsBetween : kSpinsShared;
  signals_->workers.reserve(static_cast<size_t>(threads - 1));
  try {
    for (int worker = 1; worker < threads; ++worker) signals_->workers.emplace_back(&ThreadPool::work, this);
  } catch (...) {
    stop();
    throw;
  }
  // What a thread allocates when it starts is not left for the first run.
  await_done(threads - 1);
}

ThreadPool::~ThreadPool() { stop(); }

// A forked child has this object but not its threads, and a lock or a signal that one of them held is held for ever.
bool ThreadPool::forked() const { return generation_ != generation.load(std::memory_order_relaxed); }

void ThreadPool::stop() {
  if (forked()) {
    signals_.release();
    return;
  }
  {
    std::lock_guard<std::mutex> lock(signals_->mutex);
    signals_->stopping = true;
    signals_->wake.notify_all();
  }
  for (std::thread& t : signals_->workers) t.join();
}

// The number of parts that were left to take and are done now. A part can only be had of the task that is published, which stays
// until all of its parts are done.
int ThreadPool::take_parts() {
  int taken = 0;
  for (;;) {
    const uint32_t part = static_cast<uint32_t>(signals_->state.fetch_add(1));
    if (part >= static_cast<uint32_t>(threads_)) return taken;
    signals_->task(signals_->argument, static_cast<int>(part));
    ++taken;
  }
}

void ThreadPool::run(Task task, void* argument) {
  if (threads_ == 1 || forked()) {
    for (int part = 0; part < threads_; ++part) task(argument, part);
    return;
  }
  Signals& s = *signals_;
  s.running.store(true, std::memory_order_relaxed);
  s.task = task;
  s.argument = argument;
  s.done.store(0, std::memory_order_relaxed);
  s.state.store(uint64_t{number_of(s.state.load(std::memory_order_relaxed)) + 1} << 32);
  if (s.sleeping.load() != 0) {
    std::lock_guard<std::mutex> lock(s.mutex);
    s.wake.notify_all();
  }
  await_done(threads_ - take_parts());
}

void ThreadPool::await_done(int count) {
  Signals& s = *signals_;
  for (int i = 0; i < spins_between_; ++i) {
    if (s.done.load(std::memory_order_acquire) == count) return;
    relax();
  }
  std::unique_lock<std::mutex> lock(s.mutex);
  s.waited.store(true);
  s.finished.wait(lock, [&s, count] { return s.done.load() == count; });
  s.waited.store(false);
}

void ThreadPool::rest() { signals_->running.store(false, std::memory_order_relaxed); }

void ThreadPool::await_task(uint32_t seen) {
  Signals& s = *signals_;
  const auto called = [&s, seen] { return number_of(s.state.load()) != seen || s.stopping.load(); };
  for (int i = 0; i < (s.running.load(std::memory_order_relaxed) ? spins_between_ : spins_); ++i) {
    if (called()) return;
    relax();
  }
  std::unique_lock<std::mutex> lock(s.mutex);
  s.sleeping.fetch_add(1);
  s.wake.wait(lock, called);
  s.sleeping.fetch_sub(1);
}

void ThreadPool::add_done(int count) {
  Signals& s = *signals_;
  s.done.fetch_add(count);
  // The caller says that it waits before it looks at `done` for the last time.
  if (!s.waited.load()) return;
  std::lock_guard<std::mutex> lock(s.mutex);
  s.finished.notify_one();
}

void ThreadPool::work() {
  add_done(1);
  for (uint32_t seen = 0;;) {
    await_task(seen);
    if (signals_->stopping.load()) return;
    seen = number_of(signals_->state.load());
    if (const int taken = take_parts(); taken != 0) add_done(taken);
  }
}

}  // namespace sinter::runtime
