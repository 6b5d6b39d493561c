#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <string.h>

#include "context.h"
#include "python_kernels.h"
#include "python_tensors.h"
#include "self_test.h"

namespace py = pybind11;

namespace sinter::runtime {
namespace {

// A context, and the lock that lets one run at a time use it.
struct Runner {
  Runner(std::shared_ptr<const Model> model, int threads) : context(std::move(model), threads) {}
  Context context;
  std::mutex busy;
};

struct Interface {
  Interface(const Plan& plan, const Entry& e) : entry(e) {
    for (const Tensor& t : e.inputs) inputs.emplace_back(t);
    for (const Tensor& t : e.outputs) outputs.emplace_back(t);
    uint64_t all = 0;
    for (size_t i = e.step; i < e.step + e.steps && all < kShort; ++i) all += work(plan, plan.steps[i]);
    keeps_lock = all < kShort;
  }
  // The work of a run that takes so little time that giving up the interpreter's lock meanwhile helps nobody.
  static constexpr uint64_t kShort = 1 << 20;

  const Entry& entry;
  std::vector<InterfaceTensor> inputs, outputs;
  bool keeps_lock;
};

// What each step of an entry wrote, one string of bytes an output.
using Trace = std::vector<std::vector<std::string>>;

void run(Runner& runner, const Interface& interface, const InputArrays& inputs, const OutputArrays& outputs, uint64_t* nanoseconds,
         Trace* trace) {
  Status status;
  std::string error;
  {
    // A context that is busy is waited for without the interpreter's lock, which its run may need to end.
    std::optional<py::gil_scoped_release> release;
    std::unique_lock<std::mutex> lock(runner.busy, std::defer_lock);
    if (!interface.keeps_lock || !lock.try_lock()) {
      release.emplace();
      lock.lock();
    }
    inputs.store(runner.context);
    std::function<void(size_t)> after;
    if (trace != nullptr) {
      after = [&](size_t i) {
        const Plan& plan = runner.context.model().plan();
        const plan::StepRecord& step = plan.steps[interface.entry.step + i];
        std::vector<std::string>& written = trace->emplace_back();
        for (size_t o = step.operand + step.inputs; o < size_t{step.operand} + step.inputs + step.outputs; ++o) {
          written.emplace_back(reinterpret_cast<const char*>(runner.context.operand(o)), plan.operands[o].size);
        }
      };
    }
    status = runner.context.run(interface.entry, nanoseconds, after);
    if (status == kOk) outputs.load(runner.context);
    if (status != kOk) error = runner.context.error();
  }
  if (status == kBadValue) throw py::value_error(error);
  if (status != kOk) throw std::runtime_error(error);
}

py::tuple run(Runner& runner, const Interface& interface, const py::object& x, const py::object& out, uint64_t* nanoseconds,
              Trace* trace = nullptr) {
  const InputArrays inputs(interface.inputs, x);
  const OutputArrays outputs(interface.outputs, out, inputs.floats());
  run(runner, interface, inputs, outputs, nanoseconds, trace);
  return outputs.result();
}

class PythonModel {
 public:
  PythonModel(std::shared_ptr<const Model> model, int threads, const std::optional<std::string>& entry)
      : model_(std::move(model)), threads_(threads), interface_(model_->plan(), find(*model_, entry)) {
    idle_.push_back(std::make_unique<Runner>(model_, threads));
  }

  const Interface& interface() const { return interface_; }
  const Model& model() const { return *model_; }
  int threads() const { return threads_; }

  // Concurrent runs take a context each, but for a model with state, whose runs follow one another in one context.
  py::tuple run(const py::object& x, const py::object& out, uint64_t* nanoseconds = nullptr, Trace* trace = nullptr) {
    if (model_->need().state != 0) return runtime::run(*idle_.front(), interface_, x, out, nanoseconds, trace);
    const Lease lease(*this);
    return runtime::run(*lease.runner, interface_, x, out, nanoseconds, trace);
  }

  py::list trace(const py::object& x) {
    Trace written;
    run(x, py::none(), nullptr, &written);
    py::list rows;
    for (const std::vector<std::string>& outputs : written) {
      py::list row;
      for (const std::string& bytes : outputs) row.append(py::bytes(bytes));
      rows.append(row);
    }
    return rows;
  }

  py::list profile(const py::object& x) {
    std::vector<uint64_t> nanoseconds(interface_.entry.steps);
    run(x, py::none(), nanoseconds.data());
    py::list rows = steps();
    for (size_t i = 0; i < nanoseconds.size(); ++i) rows[i]["ns"] = nanoseconds[i];
    return rows;
  }

  py::list steps() const {
    py::list rows;
    const Plan& plan = model_->plan();
    for (size_t i = interface_.entry.step; i < interface_.entry.step + interface_.entry.steps; ++i) {
      py::dict row;
      row["name"] = decoded(plan.text(plan.steps[i].name));
      row["op"] = decoded(plan.text(plan.steps[i].op));
      row["kernel"] = model_->kernel(i).name;
      row["macs"] = plan.steps[i].macs;
      rows.append(row);
    }
    return rows;
  }

  std::shared_ptr<const Model> shared() const { return model_; }

  void reset() {
    if (model_->need().state == 0) return;
    py::gil_scoped_release release;
    std::lock_guard<std::mutex> lock(idle_.front()->busy);
    idle_.front()->context.reset();
  }

 private:
  // A context taken from the idle ones, or made, and given back. Only touched with the GIL held.
  struct Lease {
    explicit Lease(PythonModel& m) : owner(m) {
      if (owner.idle_.empty()) {
        owner.idle_.reserve(++owner.runners_);  // so that giving it back cannot fail
        runner = std::make_unique<Runner>(owner.model_, owner.threads_);
      } else {
        runner = std::move(owner.idle_.back());
        owner.idle_.pop_back();
      }
    }
    ~Lease() { owner.idle_.push_back(std::move(runner)); }
    PythonModel& owner;
    std::unique_ptr<Runner> runner;
  };

  static const Entry& find(const Model& model, const std::optional<std::string>& name) {
    if (!name.has_value()) return model.entries().front();
    std::string known;
    for (const Entry& e : model.entries()) {
      if (*name == e.name) return e;
      known += (known.empty() ? "" : ", ") + quoted(e.name);
    }
    fail(SINTER_BAD_ARGUMENT, "the model has no entry ", quoted(name->c_str()), ", it has ", known);
  }

  std::shared_ptr<const Model> model_;
  int threads_;
  Interface interface_;
  size_t runners_ = 1;
  std::vector<std::unique_ptr<Runner>> idle_;
};

class PythonContext {
 public:
  explicit PythonContext(const PythonModel& model) : runner_(model.shared(), model.threads()), interface_(model.interface()) {}
  py::tuple run(const py::object& x, const py::object& out) { return runtime::run(runner_, interface_, x, out, nullptr); }
  void reset() {
    py::gil_scoped_release release;
    std::lock_guard<std::mutex> lock(runner_.busy);
    runner_.context.reset();
  }

 private:
  Runner runner_;
  Interface interface_;
};

// Arrays that every run reads and fills, in a context of their own.
class PythonBinding {
 public:
  PythonBinding(const PythonModel& model, const py::object& x, const py::object& out)
      : runner_(model.shared(), model.threads()),
        interface_(model.interface()),
        inputs_(interface_.inputs, x),
        outputs_(interface_.outputs, out, inputs_.floats()) {
    if (inputs_.copied() != nullptr) {
      throw py::value_error("input '" + inputs_.copied()->cast<std::string>() +
                            "' would be copied; expected a C-contiguous array of the input's type, or of float32");
    }
  }
  PythonBinding(const PythonBinding&) = delete;
  PythonBinding& operator=(const PythonBinding&) = delete;

  void run() { runtime::run(runner_, interface_, inputs_, outputs_, nullptr, nullptr); }
  py::tuple outputs() const { return outputs_.result(); }

 private:
  Runner runner_;
  const Interface interface_;
  const InputArrays inputs_;
  const OutputArrays outputs_;
};

// Binding.run() as a plain method of C, which a call reaches sooner than one that looks for its overload.
PyObject* run_bound(PyObject* self, PyObject*) {
  const py::detail::value_and_holder held = reinterpret_cast<py::detail::instance*>(self)->get_value_and_holder();
  if (!held.holder_constructed()) {
    PyErr_SetString(PyExc_TypeError, "bindings are made by Model.bind()");
    return nullptr;
  }
  try {
    held.value_ptr<PythonBinding>()->run();
    return py::none().release().ptr();
  } catch (const py::builtin_exception& error) {
    error.set_error();
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  }
  return nullptr;
}
PyMethodDef run_binding = {"run", run_bound, METH_NOARGS, "Read the inputs as they are now, and fill the outputs."};

std::unique_ptr<PythonModel> load(const py::object& source, int threads, const std::optional<std::string>& isa,
                                  const std::optional<std::string>& entry, bool mapped, uint64_t memory_limit) {
  Options options;
  if (isa.has_value()) options.isa = *isa;
  if (memory_limit != 0) options.memory_limit = memory_limit;
  std::shared_ptr<const Model> model;
  if (PyObject_CheckBuffer(source.ptr()) != 0) {
    const py::buffer_info bytes = py::reinterpret_borrow<py::buffer>(source).request();
    if (bytes.ndim != 1 || bytes.strides[0] != bytes.itemsize) throw py::value_error("the plan's bytes must be contiguous");
    py::gil_scoped_release release;
    model = Model::load_copy(bytes.ptr, static_cast<uint64_t>(bytes.size) * static_cast<uint64_t>(bytes.itemsize), options);
  } else {
    const std::string path = py::module_::import("os").attr("fsencode")(source).cast<std::string>();
    if (path.find('\0') != std::string::npos) throw py::value_error("the path of the plan holds a null character");
    py::gil_scoped_release release;
    model = mapped ? Model::load_mapped(path.c_str(), options) : Model::load_file(path.c_str(), options);
  }
  return std::make_unique<PythonModel>(std::move(model), threads, entry);
}

void translate(std::exception_ptr thrown) {
  try {
    if (thrown) std::rethrow_exception(thrown);
  } catch (const Error& error) {
    const bool own = error.status == SINTER_INTERNAL || error.status == SINTER_WRONG_RESULT;
    PyObject* type = error.status == SINTER_NO_MEMORY ? PyExc_MemoryError : own ? PyExc_RuntimeError : PyExc_ValueError;
    if (error.status == SINTER_IO) {
      PyErr_SetObject(PyExc_OSError, py::make_tuple(error.number, error.what()).ptr());
    } else {
      PyErr_SetObject(type, decoded(error.what()).ptr());
    }
  } catch (const std::system_error& error) {
    PyErr_SetString(PyExc_OSError, error.what());
  }
}

}  // namespace
}  // namespace sinter::runtime

PYBIND11_MODULE(_native, module) {
  using namespace sinter::runtime;
  py::register_exception_translator(&translate);
  bind_kernels(module);
  bind_tensors(module);
  py::class_<PythonContext>(module, "Context")
      .def("run", &PythonContext::run, py::arg("x"), py::arg("out") = py::none())
      .def("reset", &PythonContext::reset);
  py::class_<PythonBinding> binding(module, "Binding");
  binding.def_property_readonly("outputs", &PythonBinding::outputs);
  binding.attr("run") =
      py::reinterpret_steal<py::object>(PyDescr_NewMethod(reinterpret_cast<PyTypeObject*>(binding.ptr()), &run_binding));
  py::class_<PythonModel>(module, "Model")
      .def(py::init(&load), py::arg("source"), py::arg("threads") = 1, py::arg("isa") = py::none(), py::arg("entry") = py::none(),
           py::arg("mapped") = false, py::arg("memory_limit") = 0)
      .def(
          "run", [](PythonModel& m, const py::object& x, const py::object& out) { return m.run(x, out); }, py::arg("x"),
          py::arg("out") = py::none())
      .def(
          "bind",
          [](const PythonModel& m, const py::object& x, const py::object& out) {
            return std::make_unique<PythonBinding>(m, x, out);
          },
          py::arg("x"), py::arg("out") = py::none())
      .def("profile", &PythonModel::profile, py::arg("x"))
      .def("trace", &PythonModel::trace, py::arg("x"))
      .def("context", [](const PythonModel& m) { return std::make_unique<PythonContext>(m); })
      .def("reset", &PythonModel::reset)
      .def("self_test",
           [](const PythonModel& m) {
             py::gil_scoped_release release;
             return self_test(m.shared(), m.threads());
           })
      .def_property_readonly("inputs", [](const PythonModel& m) { return tensor_tuple(m.interface().inputs); })
      .def_property_readonly("outputs", [](const PythonModel& m) { return tensor_tuple(m.interface().outputs); })
      .def_property_readonly("entries",
                             [](const PythonModel& m) {
                               py::list names;
                               for (const Entry& e : m.model().entries()) names.append(decoded(e.name));
                               return py::tuple(names);
                             })
      .def_property_readonly("steps", &PythonModel::steps)
      .def_property_readonly("threads", &PythonModel::threads)
      .def_property_readonly("arena_bytes", [](const PythonModel& m) { return m.model().need().arena; })
      .def_property_readonly("state_bytes", [](const PythonModel& m) { return m.model().need().state; })
      .def_property_readonly("scratch_bytes",
                             [](const PythonModel& m) { return m.model().need().scratch * static_cast<uint64_t>(m.threads()); })
      .def_property_readonly("weight_bytes", [](const PythonModel& m) { return m.model().plan().weight_bytes; });
}
