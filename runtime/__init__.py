"""Runs the plans that the toolchain builds: `Model(path).run(x)`."""

from runtime._native import Binding, Context, Model, Tensor

__all__ = ["Binding", "Context", "Model", "Tensor"]
