// A fixed number of threads that share one task at a time with their caller.
#pragma once

#include <stdint.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace sinter::runtime {

class ThreadPool {
 public:
  using Task = void (*)(void* argument, int part);

  // Starts threads - 1 threads; the caller of run() is the other one. Throws std::system_error.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return threads_; }

  // Calls task(argument, p) once for every part p in [0, threads), and returns when all are done. Whoever is there takes the next
  // part: the caller waits for no thread that has not begun. Allocates nothing. Threads expect another run soon, until rest().
  void run(Task task, void* argument);

  // Tells the threads that there may be nothing to do for long: they look for a little while more and then go to sleep.
  void rest();

 private:
  bool forked() const;
  void work();
  void stop();
  void await_task(uint32_t seen);
  int take_parts();
  void add_done(int count);
  void await_done(int count);

  const int threads_;
  const uint32_t generation_;
  int spins_, spins_between_;
  // On its own, so that a forked child can leave it alone: what its lost threads wait on cannot be destroyed. What the caller
  // writes and what the threads write lie in lines of their own.
  struct Signals {
    // The number of the task in the upper half, the next part of it in the lower.
    alignas(64) std::atomic<uint64_t> state{0};
    std::atomic<bool> running{false}, stopping{false};
    Task task = nullptr;
    void* argument = nullptr;
    // Parts that the threads, not the caller, have done.
    alignas(64) std::atomic<int> done{0};
    alignas(64) std::atomic<int> sleeping{0};
    std::atomic<bool> waited{false};
    std::mutex mutex;
    std::condition_variable wake, finished;
    std::vector<std::thread> workers;
  };
  std::unique_ptr<Signals> signals_ = std::make_unique<Signals>();
};

}  // namespace sinter::runtime
