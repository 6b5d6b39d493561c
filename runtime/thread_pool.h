// A fixed number of threads that run one task at a time together with their caller.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace sinter::runtime {

class ThreadPool {
 public:
  using Task = void (*)(void* argument, int worker);

  // Starts threads - 1 threads; the caller of run() is worker 0. Throws std::system_error.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return threads_; }

  // Calls task(argument, w) once for every worker w, and returns when all are done. Allocates nothing.
  void run(Task task, void* argument);

 private:
  void work(int worker);
  void stop();
  uint32_t await_epoch(uint32_t seen);

  const int threads_;
  const pid_t process_;
  int spins_;
  Task task_ = nullptr;
  void* argument_ = nullptr;
  // On its own, so that a forked child can leave it alone: what its lost threads wait on cannot be destroyed.
  struct Signals {
    std::atomic<bool> stopping{false};
    std::atomic<uint32_t> epoch{0};
    std::atomic<int> pending{0}, sleeping{0};
    std::mutex mutex;
    std::condition_variable wake, done;
    bool waiting = false;
    std::vector<std::thread> workers;
  };
  std::unique_ptr<Signals> signals_ = std::make_unique<Signals>();
};

}  // namespace sinter::runtime
