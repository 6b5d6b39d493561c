#include "python_kernels.h"

#include <pybind11/stl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "cpu.h"
#include "kernels/registry.h"
#include "support.h"

namespace py = pybind11;

namespace sinter::runtime {
namespace {

constexpr uint8_t kCanary = 0xA5;

bool available(const Kernel& kernel) {
  const Isa* isa = find_isa(kernel.isa);
  return kernel.run != nullptr && isa != nullptr && isa->available;
}

const Kernel& find(const std::string& name) {
  for (size_t i = 0; i < kKernelCount; ++i) {
    if (name == kKernels[i].name) return kKernels[i];
  }
  fail(SINTER_BAD_ARGUMENT, "this build has no kernel ", quoted(name.c_str()));
}

// The params in memory aligned as a plan's are.
AlignedBytes params_of(const Kernel& kernel, const std::string_view bytes) {
  if (bytes.size() != kernel.params_size) {
    fail(SINTER_BAD_ARGUMENT, "kernel ", kernel.name, " takes ", kernel.params_size, " bytes of params, got ", bytes.size());
  }
  AlignedBytes params = allocate_aligned(bytes.size());
  memcpy(params.get(), bytes.data(), bytes.size());
  return params;
}

int check(const std::string& name, const py::bytes& params, const std::vector<std::tuple<uint64_t, uint32_t, bool>>& operands) {
  const Kernel& kernel = find(name);
  std::vector<Extent> extents;
  for (const auto& [bytes, alignment, writable] : operands) extents.push_back({bytes, alignment, writable ? 1u : 0u});
  return kernel.check(kernel, params_of(kernel, params).get(), extents.data(), extents.size());
}

int32_t tiles(const std::string& name, const py::bytes& params) {
  const Kernel& kernel = find(name);
  return kernel.tiles(kernel, params_of(kernel, params).get());
}

size_t scratch(const std::string& name, const py::bytes& params) {
  const Kernel& kernel = find(name);
  return kernel.scratch(kernel, params_of(kernel, params).get());
}

// Bytes that end where an inaccessible page starts, behind another one: what a kernel touches outside them ends the process.
class GuardedBytes {
 public:
  GuardedBytes(size_t size, size_t alignment) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t room = (size + alignment + page - 1) / page * page;
    mapped_ = room + 2 * page;
    void* memory = mmap(nullptr, mapped_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    base_ = static_cast<uint8_t*>(memory);
    if (mprotect(base_ + page, room, PROT_READ | PROT_WRITE) != 0) throw std::bad_alloc();
    memset(base_ + page, kCanary, room);
    bytes_ = base_ + page + (room - size) / alignment * alignment;
    begin_ = base_ + page;
    end_ = begin_ + room;
    size_ = size;
  }
  ~GuardedBytes() { munmap(base_, mapped_); }
  GuardedBytes(const GuardedBytes&) = delete;
  GuardedBytes& operator=(const GuardedBytes&) = delete;

  uint8_t* data() { return bytes_; }

  // Whether the bytes around, up to the guard pages, are as they were.
  bool intact() const {
    for (const uint8_t* at = begin_; at != bytes_; ++at) {
      if (*at != kCanary) return false;
    }
    for (const uint8_t* at = bytes_ + size_; at != end_; ++at) {
      if (*at != kCanary) return false;
    }
    return true;
  }

 private:
  uint8_t *base_, *begin_, *end_, *bytes_;
  size_t mapped_, size_;
};

uint32_t alignment_of(const void* address) {
  const uintptr_t value = reinterpret_cast<uintptr_t>(address), low = value & (~value + 1);
  return static_cast<uint32_t>(low == 0 || low > kAlignment ? kAlignment : low);
}

// Whether one of the outputs is this very array.
bool overwritten(const std::vector<py::array>& arrays, size_t outputs, const py::array& input) {
  for (size_t i = arrays.size() - outputs; i < arrays.size(); ++i) {
    if (arrays[i].data() == input.data()) return true;
  }
  return false;
}

// Runs a kernel on copies of the arrays that end at guard pages, and copies the outputs back. Arrays that are one and the same
// share their copy.
void run_kernel(const std::string& name, const py::bytes& params_bytes, const std::vector<py::array>& arrays, size_t outputs,
                int32_t begin, std::optional<int32_t> end) {
  const Kernel& kernel = find(name);
  if (!available(kernel)) fail(SINTER_UNSUPPORTED, "kernel ", name, " needs an instruction set that this processor lacks");
  if (outputs > arrays.size()) fail(SINTER_BAD_ARGUMENT, outputs, " outputs of ", arrays.size(), " arrays");
  const AlignedBytes params = params_of(kernel, params_bytes);
  std::map<const void*, std::unique_ptr<GuardedBytes>> copies;
  std::vector<void*> operands;
  std::vector<Extent> extents;
  for (size_t i = 0; i < arrays.size(); ++i) {
    const py::array& array = arrays[i];
    const bool output = i + outputs >= arrays.size();
    if ((array.flags() & py::array::c_style) == 0) fail(SINTER_BAD_ARGUMENT, "array ", i, " is not C-contiguous");
    if (output && !array.writeable()) fail(SINTER_BAD_ARGUMENT, "array ", i, " is an output and not writeable");
    const size_t size = static_cast<size_t>(array.nbytes());
    std::unique_ptr<GuardedBytes>& copy = copies[array.data()];
    if (copy == nullptr || size == 0) {
      copy = std::make_unique<GuardedBytes>(size, 1);
      if (size != 0) memcpy(copy->data(), array.data(), size);
    }
    operands.push_back(copy->data());
    extents.push_back({size, alignment_of(copy->data()), output ? 1u : 0u});
  }
  const Status verdict = kernel.check(kernel, params.get(), extents.data(), extents.size());
  if (verdict != kOk) fail(SINTER_BAD_ARGUMENT, "kernel ", name, " refuses these params and operands: status ", verdict);
  const int32_t last = end.value_or(kernel.tiles(kernel, params.get()));
  if (begin < 0 || last < begin || last > kernel.tiles(kernel, params.get())) {
    fail(SINTER_BAD_ARGUMENT, "tiles ", begin, " to ", last, " of ", kernel.tiles(kernel, params.get()));
  }
  GuardedBytes scratch(kernel.scratch(kernel, params.get()), kAlignment);
  Status status;
  {
    py::gil_scoped_release release;
    status = kernel.run(params.get(), operands.data(), scratch.data(), begin, last);
  }
  if (status != kOk) fail(SINTER_BAD_VALUE, "kernel ", name, " ends with status ", status);
  if (!scratch.intact()) fail(SINTER_INTERNAL, "kernel ", name, " writes outside its scratch");
  for (const auto& [source, copy] : copies) {
    if (!copy->intact()) fail(SINTER_INTERNAL, "kernel ", name, " writes outside an operand");
  }
  for (size_t i = 0; i < arrays.size(); ++i) {
    py::array array = arrays[i];
    const size_t size = static_cast<size_t>(array.nbytes());
    if (i + outputs >= arrays.size()) {
      if (size != 0) memcpy(array.mutable_data(), operands[i], size);
    } else if (memcmp(operands[i], array.data(), size) != 0 && !overwritten(arrays, outputs, array)) {
      fail(SINTER_INTERNAL, "kernel ", name, " writes to input ", i);
    }
  }
}

// The least nanoseconds of one whole run on one thread, repeated for about `seconds`; operands are used in place, each aligned as a
// plan's are. Between runs `evict` bytes of other memory are written, so that what the caches hold is as another layer leaves it.
double time_kernel(const std::string& name, const py::bytes& params_bytes, const std::vector<py::array>& arrays, double seconds,
                   size_t evict) {
  const Kernel& kernel = find(name);
  if (!available(kernel)) fail(SINTER_UNSUPPORTED, "kernel ", name, " needs an instruction set that this processor lacks");
  const AlignedBytes params = params_of(kernel, params_bytes);
  std::vector<AlignedBytes> copies;
  std::vector<void*> operands;
  std::vector<Extent> extents;
  for (const py::array& array : arrays) {
    if ((array.flags() & py::array::c_style) == 0) fail(SINTER_BAD_ARGUMENT, "array ", extents.size(), " is not C-contiguous");
    const size_t size = static_cast<size_t>(array.nbytes());
    copies.push_back(allocate_aligned(size));
    if (size != 0) memcpy(copies.back().get(), array.data(), size);
    operands.push_back(copies.back().get());
    extents.push_back({size, kAlignment, 1});
  }
  const Status verdict = kernel.check(kernel, params.get(), extents.data(), extents.size());
  if (verdict != kOk) fail(SINTER_BAD_ARGUMENT, "kernel ", name, " refuses these params and operands: status ", verdict);
  const AlignedBytes scratch = allocate_aligned(kernel.scratch(kernel, params.get()));
  const int32_t end = kernel.tiles(kernel, params.get());
  py::gil_scoped_release release;
  using Clock = std::chrono::steady_clock;
  std::vector<uint8_t> others(evict);
  double best = 1e300;
  const Clock::time_point start = Clock::now();
  for (Clock::time_point after = start; std::chrono::duration<double>(after - start).count() < seconds;) {
    for (size_t i = 0; i < evict; i += kAlignment) static_cast<volatile uint8_t&>(others[i]) = static_cast<uint8_t>(i);
    const Clock::time_point before = Clock::now();
    if (kernel.run(params.get(), operands.data(), scratch.get(), 0, end) != kOk) break;
    after = Clock::now();
    best = std::min(best, std::chrono::duration<double, std::nano>(after - before).count());
  }
  return best;
}

}  // namespace

void bind_kernels(py::module_& module) {
  py::class_<Kernel>(module, "Kernel")
      .def_readonly("name", &Kernel::name)
      .def_readonly("family", &Kernel::family)
      .def_readonly("isa", &Kernel::isa)
      .def_readonly("packing", &Kernel::packing)
      .def_readonly("mr", &Kernel::mr)
      .def_readonly("nr", &Kernel::nr)
      .def_readonly("kr", &Kernel::kr)
      .def_readonly("in_place", &Kernel::in_place)
      .def_readonly("layout", &Kernel::layout)
      .def_readonly("params_size", &Kernel::params_size)
      .def_property_readonly("available", &available)
      .def("__repr__", [](const Kernel& kernel) { return message("<Kernel ", kernel.name, ">"); });
  module.def("kernels", [] {
    py::list rows;
    for (size_t i = 0; i < kKernelCount; ++i) rows.append(py::cast(&kKernels[i], py::return_value_policy::reference));
    return rows;
  });
  module.def("detected_isas", [] {
    py::list names;
    for (size_t i = 0; i < kIsaCount; ++i) {
      if (kIsas[i].available) names.append(kIsas[i].name);
    }
    return names;
  });
  module.def("check", &check, py::arg("name"), py::arg("params"), py::arg("operands"));
  module.def("tiles", &tiles, py::arg("name"), py::arg("params"));
  module.def("scratch", &scratch, py::arg("name"), py::arg("params"));
  module.def("run_kernel", &run_kernel, py::arg("name"), py::arg("params"), py::arg("arrays"), py::arg("outputs") = 1,
             py::arg("begin") = 0, py::arg("end") = py::none());
  module.def("time_kernel", &time_kernel, py::arg("name"), py::arg("params"), py::arg("arrays"), py::arg("seconds"),
             py::arg("evict") = 0);
}

}  // namespace sinter::runtime
