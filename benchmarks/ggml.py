"""ggml's CPU backend, from the shared libraries that the pywhispercpp wheel carries: matrix products with block-quantised weights.

Only ggml's public C interface is used, through ctypes, and the buffer type that rearranges weights for the fastest kernels.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from importlib import metadata, util
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rivals import Array, Unavailable

# enum ggml_type
F32, Q4_0, Q8_0 = 0, 2, 8
_BLOCK_BYTES = {Q4_0: 18, Q8_0: 34}
_BLOCK = 32


class _InitParams(ctypes.Structure):
    _fields_ = (("mem_size", ctypes.c_size_t), ("mem_buffer", ctypes.c_void_p), ("no_alloc", ctypes.c_bool))


class Ggml:
    """The loaded libraries with a CPU backend of `threads` threads. Raises Unavailable."""

    def __init__(self, threads: int = 1) -> None:
        spec = util.find_spec("_pywhispercpp")
        if spec is None or spec.origin is None:
            raise Unavailable("not installed; pip install pywhispercpp")
        self.version = metadata.version("pywhispercpp")
        folder = Path(spec.origin).parent / "pywhispercpp.libs"
        try:
            base, cpu = (ctypes.CDLL(str(next(folder.glob(name))), ctypes.RTLD_GLOBAL) for name in _LIBRARIES)
        except (StopIteration, OSError) as error:
            raise Unavailable(f"no ggml in {folder}: {error}") from error
        base.ggml_log_set(_SILENT, None)
        pointer, size = ctypes.c_void_p, ctypes.c_size_t
        self._base = {
            name: _declared(base, f"ggml_{name}", result, arguments)
            for name, result, arguments in (
                ("init", pointer, [_InitParams]),
                ("free", None, [pointer]),
                ("new_tensor_2d", pointer, [pointer, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]),
                ("mul_mat", pointer, [pointer, pointer, pointer]),
                ("new_graph", pointer, [pointer]),
                ("build_forward_expand", None, [pointer, pointer]),
                ("backend_alloc_ctx_tensors_from_buft", pointer, [pointer, pointer]),
                ("backend_tensor_set", None, [pointer, pointer, size, size]),
                ("backend_tensor_get", None, [pointer, pointer, size, size]),
                ("backend_graph_compute", ctypes.c_int, [pointer, pointer]),
                (
                    "quantize_chunk",
                    size,
                    [ctypes.c_int, pointer, pointer, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, pointer],
                ),
            )
        }
        self._plain = _declared(cpu, "ggml_backend_cpu_buffer_type", pointer, [])()
        self._repacked = _declared(cpu, "_Z35ggml_backend_cpu_repack_buffer_typev", pointer, [])()
        self._backend = _declared(cpu, "ggml_backend_cpu_init", pointer, [])()
        _declared(cpu, "ggml_backend_cpu_set_n_threads", None, [pointer, ctypes.c_int])(self._backend, threads)

    def quantize(self, kind: int, weights: Array) -> Array:
        """Rows of float32 [n, k] as blocks of 32: uint8 [n, k / 32, bytes of a block], scale first."""
        n, k = weights.shape
        source = np.ascontiguousarray(weights, np.float32)
        blocks = np.empty((n, k // _BLOCK, _BLOCK_BYTES[kind]), np.uint8)
        written = self._base["quantize_chunk"](kind, source.ctypes.data, blocks.ctypes.data, 0, n, k, None)
        assert written == blocks.nbytes
        return blocks

    def matmul(self, kind: int, weights: Array, x: Array) -> Product:
        """A product x [m, k] times weights [n, k] transposed, ready to run; 4-bit weights are rearranged for the processor."""
        return Product(self, kind, weights, x)

    def context(self) -> int:
        """A new pool for the descriptions of a few tensors and a graph."""
        made: int = self._base["init"](_InitParams(1 << 20, None, True))
        return made

    def tensor(self, context: int, kind: int, shape: Sequence[int]) -> int:
        made: int = self._base["new_tensor_2d"](context, kind, shape[1], shape[0])
        return made

    def call(self, name: str, *arguments: Any) -> Any:
        return self._base[name](*arguments)

    @property
    def buffer_types(self) -> tuple[int, int]:
        """Where activations lie, and where weights are rearranged."""
        return self._plain, self._repacked

    @property
    def backend(self) -> int:
        backend: int = self._backend
        return backend


class Product:
    """One matrix product whose operands lie in ggml's buffers."""

    def __init__(self, ggml: Ggml, kind: int, weights: Array, x: Array) -> None:
        self._ggml = ggml
        plain, repacked = ggml.buffer_types
        constants, working = ggml.context(), ggml.context()
        w = ggml.tensor(constants, kind, weights.shape)
        activations = ggml.tensor(working, F32, x.shape)
        self._output = ggml.call("mul_mat", working, w, activations)
        self._graph = ggml.call("new_graph", working)
        ggml.call("build_forward_expand", self._graph, self._output)
        blocks = ggml.quantize(kind, weights)
        # Only 4-bit weights have rearranged forms for every processor.
        for context, place in ((constants, repacked if kind == Q4_0 else plain), (working, plain)):
            if not ggml.call("backend_alloc_ctx_tensors_from_buft", context, place):
                raise Unavailable("ggml cannot allocate the operands")
        values = np.ascontiguousarray(x, np.float32)
        ggml.call("backend_tensor_set", w, blocks.ctypes.data, 0, blocks.nbytes)
        ggml.call("backend_tensor_set", activations, values.ctypes.data, 0, values.nbytes)
        self._shape = (x.shape[0], weights.shape[0])

    def run(self) -> None:
        status = self._ggml.call("backend_graph_compute", self._ggml.backend, self._graph)
        if status:
            raise RuntimeError(f"ggml: graph_compute gave {status}")

    def result(self) -> Array:
        y = np.empty(self._shape, np.float32)
        self._ggml.call("backend_tensor_get", self._output, y.ctypes.data, 0, y.nbytes)
        return y


_LIBRARIES = ("libggml-base-*", "libggml-cpu-*")
_SILENT = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda level, text, data: None)


def _declared(library: ctypes.CDLL, name: str, result: Any, arguments: Sequence[Any]) -> Any:
    function = getattr(library, name)
    function.restype, function.argtypes = result, arguments
    return function
