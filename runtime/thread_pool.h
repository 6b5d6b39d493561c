// A fixed number of threads that run one task at a time together with their caller.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <condition_variable>
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
  std::atomic<bool> stopping_{false};
  std::atomic<uint32_t> epoch_{0};
  std::atomic<int> pending_{0}, sleeping_{0};
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  bool waiting_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace sinter::runtime
