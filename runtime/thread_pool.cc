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
  signals_->workers.reserve(static_cast<size_t>(threads - 1));
  try {
    for (int worker = 1; worker < threads; ++worker) signals_->workers.emplace_back(&ThreadPool::work, this, worker);
  } catch (...) {
    stop();
    throw;
  }
  // What a thread allocates when it starts is not left for the first run.
  run([](void*, int) {}, nullptr);
}

ThreadPool::~ThreadPool() { stop(); }

void ThreadPool::stop() {
  // A forked child has this object but not its threads.
  if (getpid() != process_) {
    signals_.release();
    return;
  }
  {
    std::lock_guard<std::mutex> lock(signals_->mutex);
    signals_->stopping = true;
    signals_->epoch.fetch_add(1);
    signals_->wake.notify_all();
  }
  for (std::thread& t : signals_->workers) t.join();
}

void ThreadPool::run(Task task, void* argument) {
  if (threads_ == 1 || getpid() != process_) {
    for (int worker = 0; worker < threads_; ++worker) task(argument, worker);
    return;
  }
  task_ = task;
  argument_ = argument;
  signals_->pending.store(threads_ - 1);
  signals_->epoch.fetch_add(1);
  if (signals_->sleeping.load() != 0) {
    std::lock_guard<std::mutex> lock(signals_->mutex);
    signals_->wake.notify_all();
  }
  task(argument, 0);
  for (int i = 0; i < spins_; ++i) {
    if (signals_->pending.load(std::memory_order_acquire) == 0) return;
    relax();
  }
  std::unique_lock<std::mutex> lock(signals_->mutex);
  signals_->waiting = true;
  signals_->done.wait(lock, [this] { return signals_->pending.load() == 0; });
  signals_->waiting = false;
}

uint32_t ThreadPool::await_epoch(uint32_t seen) {
  for (int i = 0; i < spins_; ++i) {
    const uint32_t epoch = signals_->epoch.load(std::memory_order_acquire);
    if (epoch != seen) return epoch;
    relax();
  }
  std::unique_lock<std::mutex> lock(signals_->mutex);
  signals_->sleeping.fetch_add(1);
  signals_->wake.wait(lock, [this, seen] { return signals_->epoch.load() != seen; });
  signals_->sleeping.fetch_sub(1);
  return signals_->epoch.load();
}

void ThreadPool::work(int worker) {
  for (uint32_t seen = 0;;) {
    seen = await_epoch(seen);
    if (signals_->stopping.load()) return;
    task_(argument_, worker);
    if (signals_->pending.fetch_sub(1) == 1) {
      // The last one may only look at waiting under the lock: the caller sets it there before it checks signals_->pending.
      std::lock_guard<std::mutex> lock(signals_->mutex);
      if (signals_->waiting) signals_->done.notify_one();
    }
  }
}

}  // namespace sinter::runtime
