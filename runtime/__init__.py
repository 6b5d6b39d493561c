"""Runs the plans that the toolchain builds: `Model(path).run(x)`."""

from runtime._native import Context, Model, Tensor

__all__ = ["Context", "Model", "Tensor"]
