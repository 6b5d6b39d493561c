#include "model.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

namespace sinter::runtime {
namespace {

// An open file of known size.
class File {
 public:
  explicit File(const char* path) : path_(path), descriptor_(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    struct stat status;
    if (descriptor_ < 0) fault("cannot open");
    if (fstat(descriptor_, &status) != 0) fault("cannot examine");
    if (!S_ISREG(status.st_mode)) {
      close(descriptor_);
      fail(SINTER_IO, quoted(path), " is not a regular file");
    }
    size_ = static_cast<uint64_t>(status.st_size);
  }
  ~File() { close(descriptor_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  uint64_t size() const { return size_; }

  void read_all(uint8_t* bytes) const {
    for (uint64_t at = 0; at < size_;) {
      const ssize_t count = read(descriptor_, bytes + at, static_cast<size_t>(size_ - at));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) fail(SINTER_IO, "cannot read ", quoted(path_), ": ", strerror(errno));
      if (count == 0) fail(SINTER_IO, quoted(path_), " ended at byte ", at, " of ", size_, " while it was read");
      at += static_cast<uint64_t>(count);
    }
  }

  void* map() const {
    void* bytes = mmap(nullptr, static_cast<size_t>(size_), PROT_READ, MAP_PRIVATE, descriptor_, 0);
    if (bytes == MAP_FAILED) fail(SINTER_IO, "cannot map ", quoted(path_), ": ", strerror(errno));
    return bytes;
  }

 private:
  [[noreturn]] void fault(const char* what) {
    const int error = errno;
    if (descriptor_ >= 0) close(descriptor_);
    throw Error(SINTER_IO, message(what, " ", quoted(path_), ": ", strerror(error)), error);
  }

  const char* path_;
  int descriptor_;
  uint64_t size_ = 0;
};

std::shared_ptr<const uint8_t> shared(AlignedBytes bytes) { return std::shared_ptr<const uint8_t>(bytes.release(), FreeAligned()); }

}  // namespace

uint64_t default_memory_limit() {
  const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  const uint64_t most = uint64_t{4} << 30;
  if (pages <= 0 || page <= 0) return most;
  return std::min(most, static_cast<uint64_t>(pages) * static_cast<uint64_t>(page) / 4 * 3);
}

std::shared_ptr<const Model> Model::create(Storage storage, uint64_t size, const Options& options) {
  return std::shared_ptr<const Model>(new Model(std::move(storage), size, options));
}

std::shared_ptr<const Model> Model::load_file(const char* path, const Options& options) {
  const File file(path);
  AlignedBytes bytes = allocate_aligned(file.size());
  file.read_all(bytes.get());
  return create(shared(std::move(bytes)), file.size(), options);
}

std::shared_ptr<const Model> Model::load_mapped(const char* path, const Options& options) {
  const File file(path);
  if (file.size() == 0) return load_copy(nullptr, 0, options);
  const size_t size = static_cast<size_t>(file.size());
  Storage mapping(static_cast<const uint8_t*>(file.map()),
                  [size](const uint8_t* bytes) { munmap(const_cast<uint8_t*>(bytes), size); });
  return create(std::move(mapping), size, options);
}

std::shared_ptr<const Model> Model::load_copy(const void* bytes, uint64_t size, const Options& options) {
  AlignedBytes copy = allocate_aligned(size);
  if (size != 0) memcpy(copy.get(), bytes, static_cast<size_t>(size));
  return create(shared(std::move(copy)), size, options);
}

std::shared_ptr<const Model> Model::load_borrowed(const void* bytes, uint64_t size, const Options& options) {
  if (reinterpret_cast<uintptr_t>(bytes) % kAlignment != 0) {
    fail(SINTER_BAD_ARGUMENT, "borrowed bytes must start on a multiple of ", kAlignment, "; load a copy instead");
  }
  return create(Storage(static_cast<const uint8_t*>(bytes), [](const uint8_t*) {}), size, options);
}

Model::Model(Storage storage, uint64_t size, const Options& options)
    : storage_(std::move(storage)),
      plan_(parse_plan(storage_.get(), size)),
      memory_limit_(std::min(options.memory_limit, uint64_t{1} << 60)) {
  verify_records(plan_);
  kernels_ = choose_kernels(plan_, options.isa.empty() ? nullptr : options.isa.c_str(), options.log);
  verify_memory(plan_, kernels_);
  need_ = memory_need(plan_, kernels_);
  if (need_.arena > memory_limit_ || need_.state > memory_limit_ - need_.arena) {
    fail(SINTER_NO_MEMORY, "the plan asks for ", need_.arena, " bytes of arena and ", need_.state, " of state, the limit is ",
         memory_limit_, "; raise memory_limit where that is right");
  }
  for (const plan::EntryRecord& e : plan_.entries) {
    Entry entry{plan_.text(e.name), e.step, e.steps, {}, {}};
    for (uint32_t i = 0; i < e.inputs + e.outputs; ++i) {
      const plan::TensorRecord& t = plan_.tensors[e.tensor + i];
      const plan::OperandRecord& o = plan_.operands[t.operand];
      const plan::BufferRecord& b = plan_.buffers[o.buffer];
      (i < e.inputs ? entry.inputs : entry.outputs).push_back({plan_.text(t.name), &t, b.offset + o.offset, o.size, b.region});
    }
    entries_.push_back(std::move(entry));
  }
}

}  // namespace sinter::runtime
