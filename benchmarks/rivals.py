"""Sinter and its rivals, each made ready to run one model with one fixed input.

Imports numpy alone until an engine is made, so that benchmarks/worker.py runs in any Python that has numpy and one of them.
"""

from __future__ import annotations

import contextlib
import io
import logging
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Unavailable(Exception):
    """Why an engine cannot take part."""


@dataclass(frozen=True)
class Job:
    """What an engine is to run: the network in the forms that there are, its input (.npy), and (scale, zero point) of both ends."""

    engine: str
    precision: str
    threads: int
    cores: tuple[int, ...]
    isa: str | None
    x: str
    plan: str | None
    tflite: str | None
    onnx: str | None
    input_quant: tuple[float, int]
    output_quant: tuple[float, int]

    def form(self) -> Path:
        """The file that an engine reads which takes both."""
        return Path(self.tflite or self.onnx or "")


@dataclass(frozen=True)
class Runner:
    """One engine with one model: `run` computes, `result` is the first output after it, in real values."""

    version: str
    run: Callable[[], object]
    result: Callable[[], Array]
    note: str = ""


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        raise Unavailable(f"not installed; pip install {distribution}") from None


def _real(y: Array, quant: tuple[float, int]) -> Array:
    scale, zero_point = quant
    real = scale * (y.astype(np.float64) - zero_point) if scale else y.astype(np.float64)
    return np.asarray(real).ravel()


def sinter(job: Job, x: Array) -> Runner:
    """The plan that build writes, from the form that the rivals run."""
    import runtime

    assert job.plan is not None
    model = runtime.Model(job.plan, threads=job.threads, isa=job.isa)
    tensor = model.outputs[0]
    out = np.empty(tensor.shape, tensor.dtype)
    bound = model.bind(x.reshape(model.inputs[0].shape), out)
    try:
        version = metadata.version("sinter")
    except metadata.PackageNotFoundError:
        version = "checkout"
    return Runner(version, bound.run, lambda: _real(out, (tensor.scale, tensor.zero_point)))


def litert(job: Job, x: Array) -> Runner:
    """LiteRT with XNNPACK, its default."""
    version = _version("ai-edge-litert")
    if job.tflite is None:
        raise Unavailable("no TFLite file of this model")
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(job.tflite, num_threads=job.threads)
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    interpreter.set_tensor(source["index"], x.reshape(source["shape"]))
    return Runner(version, interpreter.invoke, lambda: _real(interpreter.get_tensor(target["index"]), target["quantization"]))


def openvino(job: Job, x: Array) -> Runner:
    """OpenVINO's CPU plugin, float32 where the model is float."""
    version = _version("openvino")
    import openvino as ov

    core = ov.Core()
    network = core.read_model(str(job.form()))
    network.reshape({port: [1, *(d.get_length() for d in list(port.partial_shape)[1:])] for port in network.inputs})
    options = {"INFERENCE_NUM_THREADS": job.threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    request = core.compile_model(network, "CPU", options).create_infer_request()
    request.set_input_tensor(ov.Tensor(np.ascontiguousarray(x.reshape(list(network.inputs[0].shape)))))
    return Runner(version, request.infer, lambda: _real(request.get_output_tensor(0).data, job.output_quant))


def onnxruntime(job: Job, x: Array) -> Runner:
    """onnxruntime's CPU provider; int8 is its own static quantisation of the float file, fast but another network."""
    version = _version("onnxruntime")
    if job.onnx is None:
        raise Unavailable("no ONNX file of this model")
    import onnxruntime as ort

    ort.set_default_logger_severity(3)
    path, note = job.onnx, ""
    with tempfile.TemporaryDirectory() as folder:
        if job.precision == "int8":
            path, note = _quantised(job.onnx, Path(folder)), "its own int8 form, calibrated on noise: for speed only"
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = job.threads, 1
        session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    source = session.get_inputs()[0]
    binding = session.io_binding()
    values = np.ascontiguousarray(x.astype(np.float32).reshape([d if isinstance(d, int) else 1 for d in source.shape]))
    binding.bind_cpu_input(source.name, values)
    binding.bind_output(session.get_outputs()[0].name, "cpu")

    def result() -> Array:
        session.run_with_iobinding(binding)
        return np.asarray(binding.copy_outputs_to_cpu()[0], np.float64).ravel()

    return Runner(version, lambda: session.run_with_iobinding(binding), result, note)


def _quantised(path: str, folder: Path) -> str:
    try:
        from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
        from onnxruntime.quantization.shape_inference import quant_pre_process
    except ImportError as error:
        raise Unavailable(f"its quantiser needs more: {error}") from None
    from onnxruntime import InferenceSession

    source = InferenceSession(path, providers=["CPUExecutionProvider"]).get_inputs()[0]
    generator = np.random.default_rng(0)

    class Noise(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left = 8

        def get_next(self) -> dict[str, Array] | None:
            self.left -= 1
            shape = [d if isinstance(d, int) else 1 for d in source.shape]
            return {source.name: generator.uniform(-1, 1, shape).astype(np.float32)} if self.left >= 0 else None

    prepared, quantised = folder / "prepared.onnx", folder / "int8.onnx"
    logging.getLogger().setLevel(logging.ERROR)
    with contextlib.redirect_stdout(io.StringIO()):
        quant_pre_process(path, str(prepared))
        quantize_static(
            str(prepared),
            str(quantised),
            Noise(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
    return str(quantised)


def _convert(command: list[str], folder: str, made: Path) -> None:
    """Run a rival's converter."""
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False, timeout=300)
    if done.returncode or not made.exists():
        raise Unavailable(f"its converter failed: {(done.stderr or done.stdout).strip().splitlines()[-1:]}")


def ncnn(job: Job, x: Array) -> Runner:
    """ncnn in float32, its file converted by pnnx."""
    version = _version("ncnn")
    if job.precision != "float":
        raise Unavailable("its int8 tools are not on PyPI")
    if job.onnx is None:
        raise Unavailable("no ONNX file of this model")
    beside = Path(sys.executable).with_name("pnnx")
    converter = str(beside) if beside.exists() else shutil.which("pnnx")
    if converter is None:
        raise Unavailable("its converter is not installed; pip install pnnx")
    import ncnn as library

    network = library.Net()
    network.opt.num_threads = job.threads
    network.opt.use_fp16_packed = network.opt.use_fp16_storage = network.opt.use_fp16_arithmetic = False
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "model.onnx"
        copy.write_bytes(Path(job.onnx).read_bytes())
        parameters, weights = copy.with_suffix(".ncnn.param"), copy.with_suffix(".ncnn.bin")
        shape = ",".join(map(str, x.shape))
        _convert([converter, str(copy), f"inputshape=[{shape}]", "fp16=0"], folder, parameters)
        if network.load_param(str(parameters)) or network.load_model(str(weights)):
            raise Unavailable("ncnn cannot load what pnnx made of it")
    source = library.Mat(np.ascontiguousarray(x[0])).clone()  # Mat alone refers to the array's memory
    last: list[Any] = [None]

    def run() -> None:
        extractor = network.create_extractor()
        extractor.input("in0", source)
        status, last[0] = extractor.extract("out0")
        if status:
            raise RuntimeError(f"ncnn: extract gave {status}")

    return Runner(version, run, lambda: np.asarray(last[0], np.float64).ravel())


def mnn(job: Job, x: Array) -> Runner:
    """MNN in float32 or in the TFLite file's int8, whose ends it makes float; its file is converted by its own tool."""
    version = _version("MNN")
    import MNN as library

    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "model.mnn"
        form = job.form()
        kind = form.suffix[1:].upper()
        # Not its script mnnconvert, which installs packages and reports its use over the network.
        convert = [sys.executable, "-c", "import sys, _tools; _tools.mnnconvert(sys.argv)"]
        _convert([*convert, "-f", kind, "--modelFile", str(form), "--MNNModel", str(made)], folder, made)
        network = library.Interpreter(str(made))
    session = network.createSession({"backend": "CPU", "numThread": job.threads, "precision": "high"})
    source, target = network.getSessionInput(session), network.getSessionOutput(session)
    values = np.ascontiguousarray(_real(x, job.input_quant).astype(np.float32).reshape(source.getShape()))
    layout = library.Tensor_DimensionType_Caffe if kind == "ONNX" else library.Tensor_DimensionType_Tensorflow
    given = library.Tensor(source.getShape(), library.Halide_Type_Float, values, layout)

    def run() -> None:
        source.copyFrom(given)  # a run uses the input's memory up
        if status := network.runSession(session):
            raise RuntimeError(f"MNN: runSession gave {status}")

    return Runner(version, run, lambda: np.array(target.getNumpyData(), np.float64).ravel())


ENGINES: Mapping[str, Callable[[Job, Array], Runner]] = {
    "Sinter": sinter,
    "LiteRT": litert,
    "onnxruntime": onnxruntime,
    "OpenVINO": openvino,
    "ncnn": ncnn,
    "MNN": mnn,
}

# Rivals that can be held to AVX2 (benchmarks/hidden.py), and the packages that hold their libraries.
HELD: Mapping[str, str] = {
    "LiteRT": "ai_edge_litert",
    "onnxruntime": "onnxruntime",
    "OpenVINO": "openvino",
    "ncnn": "ncnn",
}
