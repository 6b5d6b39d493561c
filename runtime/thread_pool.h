// A fixed number of threads that go through the rounds of a task together with their caller.
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
  using Task = void (*)(void* argument, int round, int part);

  // Starts threads - 1 threads; the caller of run() is the other one. Throws std::system_error.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return threads_; }

  // Goes through the rounds in order, each of which begins when the one before is done, and returns when all are. Where
  // shared[round] is true, task(argument, round, part) is called once for every part in [0, threads); else for part 0, by the
  // caller. Each thread goes from round to round by itself and has a part of its own in each; who is done takes the parts that
  // nobody has begun, so that none waits for a thread that is not there. Allocates nothing. `shared` must outlive the pool.
  void run(Task task, void* argument, const bool* shared, int rounds);

 private:
  // Rounds are numbered through all runs: round r is number base + r. Those before `begin`, the first that is shared, are over.
  struct Run {
    Task task;
    void* argument;
    const bool* shared;
    uint64_t base;
    int begin, rounds;
  };

  void work(int own);
  void publish(const Run& run);
  bool read(Run& run, uint64_t& version) const;
  void go_through(const Run& run, int own);
  bool others_done(uint64_t number) const;
  bool begin(int part, uint64_t number);
  void finish(int part, uint64_t number);
  void wake_sleepers();
  template <class Condition>
  void await(Condition condition);
  bool forked() const;
  void stop();

  const int threads_;
  const uint32_t generation_;
  int spins_, spins_between_;
  uint64_t next_ = 2;  // number 1 is the threads' start
  // The numbers of the last round in which somebody began a part, and of the last in which it is done; of rounds that are not
  // shared, part 0 tells those before a shared one. Each is mostly written by one thread, and has a line of its own.
  struct Part {
    alignas(64) std::atomic<uint64_t> begun{0};
    alignas(64) std::atomic<uint64_t> done{0};
  };
  // On its own, so that a forked child can leave it alone: what its lost threads wait on cannot be destroyed.
  struct Signals {
    explicit Signals(int threads) : parts(static_cast<size_t>(threads)) {}
    // The run that is published: an odd version while it is being written.
    alignas(64) std::atomic<uint64_t> version{0};
    std::atomic<Task> task{nullptr};
    std::atomic<void*> argument{nullptr};
    std::atomic<const bool*> shared{nullptr};
    std::atomic<uint64_t> base{0};
    std::atomic<int> begin{0}, rounds{0};
    std::atomic<bool> running{false}, stopping{false};
    alignas(64) std::atomic<int> sleeping{0};
    std::vector<Part> parts;
    std::mutex mutex;
    std::condition_variable wake;
    std::vector<std::thread> workers;
  };
  std::unique_ptr<Signals> signals_;
};

}  // namespace sinter::runtime
