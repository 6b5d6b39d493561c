#include "thread_pool.h"

#include <unistd.h>

namespace sinter::runtime {
namespace {

// About 20 microseconds of looking before a thread goes to sleep; next to nothing where threads must share a core.
constexpr int kSpins = 1000, kSpinsShared = 20;

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

}  // namespace

ThreadPool::ThreadPool(int threads) : threads_(threads), process_(getpid()) {
  spins_ = static_cast<unsigned>(threads) <= std::thread::hardware_concurrency() ? kSpins : kSpinsShared;
  workers_.reserve(static_cast<size_t>(threads - 1));
  try {
    for (int worker = 1; worker < threads; ++worker) workers_.emplace_back(&ThreadPool::work, this, worker);
  } catch (...) {
    stop();
    throw;
  }
}

ThreadPool::~ThreadPool() { stop(); }

void ThreadPool::stop() {
  // A forked child has this object but not its threads.
  if (getpid() != process_) {
    for (std::thread& t : workers_) t.detach();
    return;
  }
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    epoch_.fetch_add(1);
    wake_.notify_all();
  }
  for (std::thread& t : workers_) t.join();
}

void ThreadPool::run(Task task, void* argument) {
  if (threads_ == 1 || getpid() != process_) {
    for (int worker = 0; worker < threads_; ++worker) task(argument, worker);
    return;
  }
  task_ = task;
  argument_ = argument;
  pending_.store(threads_ - 1);
  epoch_.fetch_add(1);
  if (sleeping_.load() != 0) {
    std::lock_guard<std::mutex> lock(mutex_);
    wake_.notify_all();
  }
  task(argument, 0);
  for (int i = 0; i < spins_; ++i) {
    if (pending_.load(std::memory_order_acquire) == 0) return;
    relax();
  }
  std::unique_lock<std::mutex> lock(mutex_);
  waiting_ = true;
  done_.wait(lock, [this] { return pending_.load() == 0; });
  waiting_ = false;
}

uint32_t ThreadPool::await_epoch(uint32_t seen) {
  for (int i = 0; i < spins_; ++i) {
    const uint32_t epoch = epoch_.load(std::memory_order_acquire);
    if (epoch != seen) return epoch;
    relax();
  }
  std::unique_lock<std::mutex> lock(mutex_);
  sleeping_.fetch_add(1);
  wake_.wait(lock, [this, seen] { return epoch_.load() != seen; });
  sleeping_.fetch_sub(1);
  return epoch_.load();
}

void ThreadPool::work(int worker) {
  for (uint32_t seen = 0;;) {
    seen = await_epoch(seen);
    if (stopping_.load()) return;
    task_(argument_, worker);
    if (pending_.fetch_sub(1) == 1) {
      // The last one may only look at waiting_ under the lock: the caller sets it there before it checks pending_.
      std::lock_guard<std::mutex> lock(mutex_);
      if (waiting_) done_.notify_one();
    }
  }
}

}  // namespace sinter::runtime
