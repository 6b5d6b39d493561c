"""Sinter and every rival that is installed, each made ready to run one model on one thread with one fixed input."""

from __future__ import annotations

import contextlib
import io
import logging
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import runtime
from toolchain import targets
from toolchain.compiler import compile_graph, read

Array = NDArray[Any]


class Unavailable(Exception):
    """Why an engine cannot take part."""


@dataclass(frozen=True)
class Runner:
    """One engine with one model: `run` computes, `result` is the first output after it, in real values."""

    engine: str
    version: str
    run: Callable[[], object]
    result: Callable[[], Array]
    note: str = ""


@dataclass(frozen=True)
class Model:
    """A network in the forms its files have; either may be missing."""

    name: str
    precision: str
    tflite: Path | None
    onnx: Path | None


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        raise Unavailable(f"not installed; pip install {distribution}") from None


def sinter(model: Model, x: Array) -> Runner:
    """The plan that build writes for this machine, from the form that the rivals run."""
    path = model.tflite or model.onnx
    assert path is not None
    loaded = runtime.Model(compile_graph(read(path), targets.load("host")).plan)
    tensor = loaded.outputs[0]
    out = np.empty(tensor.shape, tensor.dtype)
    x = x.reshape(loaded.inputs[0].shape)
    try:
        version = metadata.version("sinter")
    except metadata.PackageNotFoundError:
        version = "checkout"
    return Runner("Sinter", version, lambda: loaded.run(x, out), lambda: _real(out, tensor.scale, tensor.zero_point))


def _real(y: Array, scale: float, zero_point: int) -> Array:
    real = scale * (y.astype(np.float64) - zero_point) if scale else y.astype(np.float64)
    return np.asarray(real).ravel()


def litert(model: Model, x: Array) -> Runner:
    """LiteRT with XNNPACK, its default."""
    version = _version("ai-edge-litert")
    if model.tflite is None:
        raise Unavailable("no TFLite file of this model")
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(model.tflite), num_threads=1)
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    interpreter.set_tensor(source["index"], x.reshape(source["shape"]))
    scale, zero_point = target["quantization"]
    return Runner("LiteRT", version, interpreter.invoke, lambda: _real(interpreter.get_tensor(target["index"]), scale, zero_point))


def openvino(model: Model, x: Array) -> Runner:
    """OpenVINO's CPU plugin, float32 where the model is float."""
    version = _version("openvino")
    import openvino as ov

    path = model.tflite or model.onnx
    core = ov.Core()
    network = core.read_model(str(path))
    network.reshape({port: [1, *(d.get_length() for d in list(port.partial_shape)[1:])] for port in network.inputs})
    options = {"INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    request = core.compile_model(network, "CPU", options).create_infer_request()
    request.set_input_tensor(ov.Tensor(np.ascontiguousarray(x.reshape(list(network.inputs[0].shape)))))
    scale, zero_point = _tflite_output(model)
    return Runner("OpenVINO", version, request.infer, lambda: _real(request.get_output_tensor(0).data, scale, zero_point))


def _tflite_output(model: Model) -> tuple[float, int]:
    """Scale and zero point of a TFLite file's output, (0, 0) where it is not quantised."""
    if model.tflite is None:
        return 0.0, 0
    output = read(model.tflite).outputs[0]
    return (output.quant.scale[0], output.quant.zero[0]) if output.quant is not None else (0.0, 0)


def onnxruntime(model: Model, x: Array) -> Runner:
    """onnxruntime's CPU provider; int8 is its own static quantisation of the float file, fast but another network."""
    version = _version("onnxruntime")
    if model.onnx is None:
        raise Unavailable("no ONNX file of this model")
    import onnxruntime as ort

    ort.set_default_logger_severity(3)
    path, note = str(model.onnx), ""
    with tempfile.TemporaryDirectory() as folder:
        if model.precision == "int8":
            path, note = _quantised(model.onnx, Path(folder)), "its own int8 form, calibrated on noise: for speed only"
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    source = session.get_inputs()[0]
    binding = session.io_binding()
    values = np.ascontiguousarray(x.astype(np.float32).reshape([d if isinstance(d, int) else 1 for d in source.shape]))
    binding.bind_cpu_input(source.name, values)
    binding.bind_output(session.get_outputs()[0].name, "cpu")

    def result() -> Array:
        session.run_with_iobinding(binding)
        return np.asarray(binding.copy_outputs_to_cpu()[0], np.float64).ravel()

    return Runner("onnxruntime", version, lambda: session.run_with_iobinding(binding), result, note)


def _quantised(path: Path, folder: Path) -> str:
    from onnxruntime import InferenceSession
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    source = InferenceSession(str(path), providers=["CPUExecutionProvider"]).get_inputs()[0]
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
        quant_pre_process(str(path), str(prepared))
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


def ncnn(model: Model, x: Array) -> Runner:
    """ncnn in float32, its file converted by pnnx."""
    version = _version("ncnn")
    if model.precision != "float":
        raise Unavailable("its int8 tools are not on PyPI")
    if model.onnx is None:
        raise Unavailable("no ONNX file of this model")
    converter = shutil.which("pnnx") or _beside_python("pnnx")
    if converter is None:
        raise Unavailable("its converter is not installed; pip install pnnx")
    import ncnn as library

    network = library.Net()
    network.opt.num_threads = 1
    network.opt.use_fp16_packed = network.opt.use_fp16_storage = network.opt.use_fp16_arithmetic = False
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "model.onnx"
        copy.write_bytes(model.onnx.read_bytes())
        command = [converter, str(copy), f"inputshape=[{','.join(map(str, x.shape))}]", "fp16=0"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False, timeout=300)
        parameters, weights = copy.with_suffix(".ncnn.param"), copy.with_suffix(".ncnn.bin")
        if done.returncode or not parameters.exists():
            raise Unavailable(f"pnnx cannot convert it: {(done.stderr or done.stdout).strip().splitlines()[-1:]}")
        if network.load_param(str(parameters)) or network.load_model(str(weights)):
            raise Unavailable("ncnn cannot load what pnnx made of it")
    source = library.Mat(np.ascontiguousarray(x[0]))
    last: list[Any] = [None]

    def run() -> None:
        extractor = network.create_extractor()
        extractor.input("in0", source)
        status, last[0] = extractor.extract("out0")
        if status:
            raise RuntimeError(f"ncnn: extract gave {status}")

    return Runner("ncnn", version, run, lambda: np.asarray(last[0], np.float64).ravel())


def _beside_python(name: str) -> str | None:
    path = Path(sys.executable).with_name(name)
    return str(path) if path.exists() else None


ENGINES: Sequence[tuple[str, Callable[[Model, Array], Runner]]] = (
    ("Sinter", sinter),
    ("LiteRT", litert),
    ("onnxruntime", onnxruntime),
    ("OpenVINO", openvino),
    ("ncnn", ncnn),
)
