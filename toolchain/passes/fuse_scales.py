"""Products with constants and sums with constants go into the weights and biases of the layers around them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from toolchain.ir import Array, Graph, Node, Value, constant
from toolchain.ops.add import Add, Sub
from toolchain.ops.conv import Conv
from toolchain.ops.conv_transpose import ConvTranspose
from toolchain.ops.division import Div
from toolchain.ops.fully_connected import FullyConnected
from toolchain.ops.mul import Mul
from toolchain.rewrite import Rewriter, rewrite

_LAYERS = (Conv, ConvTranspose, FullyConnected)
F64 = NDArray[np.float64]


def fuse_scales(graph: Graph) -> list[str]:
    """Fold batch normalisations, biases and constant factors into float convolutions and dense layers; to a fixpoint.

    Weights are multiplied in float64 and rounded once. Other constant factors and terms in a row are merged.
    """
    return rewrite(graph, _neutral, _into_layer_before, _into_layer_after, _in_a_row)


@dataclass(frozen=True)
class Affine:
    """y = clamp(x * factor + term, low, high), with one factor and term for each channel, or one for all."""

    x: Value
    factor: F64
    term: F64
    low: float
    high: float

    @property
    def clamps(self) -> bool:
        return not (math.isinf(self.low) and math.isinf(self.high))


def affine(node: Node, read: Callable[[Value], Array | None] = lambda value: value.data) -> Affine | None:
    """A float Add, Sub, Mul or Div by a constant that differs along the last axis at most, and does not enlarge its input.

    `read` gives the data of what counts as a constant.
    """
    if not isinstance(node.op, Add | Mul | Div) or node.output.dtype != np.float32:
        return None
    (left, right), (a, b) = node.inputs, map(read, node.inputs)
    x, c = (left, b) if b is not None or isinstance(node.op, Div) else (right, a)
    if c is None or (a is not None and b is not None) or x.shape != node.output.shape or not np.isfinite(c).all():
        return None
    if c.size != 1 and (c.ndim > x.type.rank or c.size != c.shape[-1]):
        return None
    values = c.astype(np.float64).reshape(() if c.size == 1 else (-1,))
    factor, term = np.asarray(1.0), values
    if isinstance(node.op, Div):
        if not values.all():
            return None
        factor, term = 1 / values, np.asarray(0.0)
    elif isinstance(node.op, Mul):
        factor, term = values, np.asarray(0.0)
    elif isinstance(node.op, Sub) and x is left:
        term = -values
    elif isinstance(node.op, Sub):
        factor = np.asarray(-1.0)
    return Affine(x, factor, term, node.op.low, node.op.high)


def _neutral(rewriter: Rewriter, node: Node) -> str | None:
    """x * 1 + 0."""
    found = affine(node)
    if found is None or found.clamps or found.term.any() or not (found.factor == 1).all():
        return None
    rewriter.replace(node.output, found.x)
    return "changes nothing"


def _into_layer_before(rewriter: Rewriter, node: Node) -> str | None:
    """layer(x) * factor + term."""
    found = affine(node)
    layer = rewriter.producer(found.x, _LAYERS) if found is not None else None
    if found is None or layer is None or rewriter.reader(found.x) is not node:
        return None
    clamp = _scaled_clamp(layer, found)
    _, w, b = layer.inputs
    if clamp is None or b.data is None:
        return None
    if w.data is not None:
        rows = np.broadcast_to(found.factor, w.shape[:1]).reshape(-1, *(1,) * (w.type.rank - 1))
        weights: Array | None = w.data * rows
    elif (found.factor == 1).all():
        weights = None
    else:
        return None
    bias = b.data * found.factor + found.term
    return _rebuild(rewriter, layer, node, layer.inputs[0], weights, bias, _composed(clamp, (found.low, found.high)))


def _scaled_clamp(layer: Node, found: Affine) -> tuple[float, float] | None:
    """The layer's clamp after the factor and term, None where it would differ between channels."""
    op = layer.op
    assert isinstance(op, Conv | ConvTranspose | FullyConnected)
    if math.isinf(op.low) and math.isinf(op.high):
        return op.low, op.high
    if found.term.any() or not (found.factor > 0).all():
        return None
    if found.factor.ndim == 0:
        return op.low * float(found.factor), op.high * float(found.factor)
    return (op.low, op.high) if op.low in (0.0, -math.inf) and math.isinf(op.high) else None


def _into_layer_after(rewriter: Rewriter, node: Node) -> str | None:
    """layer(x * factor + term): the term only where no padding lies beside it."""
    if not isinstance(node.op, Conv | ConvTranspose | FullyConnected):
        return None
    x, w, b = node.inputs
    source = rewriter.producer(x)
    found = affine(source) if source is not None else None
    if found is None or found.clamps or rewriter.reader(x) is not node or w.data is None or b.data is None:
        return None
    op = node.op
    padded = isinstance(op, ConvTranspose) or (isinstance(op, Conv) and any(n for pad in op.window.pads for n in pad))
    if padded and found.term.any():
        return None
    groups = 1 if isinstance(node.op, FullyConnected) else node.op.groups
    grouped = w.data.reshape(groups, w.shape[0] // groups, -1, w.shape[-1]).astype(np.float64)
    factor, term = (np.broadcast_to(part, x.shape[-1:]).reshape(groups, 1, 1, -1) for part in (found.factor, found.term))
    bias = b.data + (grouped * term).sum(axis=(2, 3)).ravel()
    clamp = node.op.low, node.op.high
    return _rebuild(rewriter, node, node, found.x, (grouped * factor).reshape(w.shape), bias, clamp)


def _rebuild(
    rewriter: Rewriter, layer: Node, replaced: Node, x: Value, weights: Array | None, bias: Array, clamp: tuple[float, float]
) -> str | None:
    """Put a layer with other constants in the place of `replaced`; nothing where a constant leaves float32's range.

    Where `weights` is None, they stay.
    """
    _, w, b = layer.inputs
    if any(np.abs(new).max(initial=0) > np.finfo(np.float32).max for new in (weights, bias) if new is not None):
        return None
    assert isinstance(layer.op, Conv | ConvTranspose | FullyConnected)
    op = replace(layer.op, low=clamp[0], high=clamp[1])
    w = w if weights is None else constant(weights.astype(np.float32), w.name)
    rewriter.replace(replaced.output, rewriter.add(op, x, w, constant(bias.astype(np.float32), b.name)))
    return "takes a constant factor and term into its weights"


def _composed(first: tuple[float, float], then: tuple[float, float]) -> tuple[float, float]:
    """The clamp that does both, one after the other."""
    low, high = (min(max(bound, then[0]), then[1]) for bound in first)
    return low, high


def _in_a_row(rewriter: Rewriter, node: Node) -> str | None:
    """(x * a) * b to x * (a * b), (x + a) + b to x + (a + b), and (x * a + b) * c to (x * a) * c + b * c."""
    outer = affine(node)
    source = rewriter.producer(outer.x) if outer is not None else None
    inner = affine(source) if source is not None else None
    if outer is None or source is None or inner is None or inner.clamps or rewriter.reader(outer.x) is not node:
        return None
    factor, term = (part.astype(np.float32) for part in (inner.factor * outer.factor, inner.term * outer.factor + outer.term))
    if not (np.isfinite(factor).all() and np.isfinite(term).all()):
        return None
    clamp = outer.low, outer.high
    if isinstance(node.op, Mul | Div) and isinstance(source.op, Mul | Div):
        y = rewriter.add(Mul(*clamp), inner.x, constant(factor))
    elif (inner.factor == 1).all() and (outer.factor == 1).all():
        y = rewriter.add(Add(*clamp), inner.x, constant(term))
    elif isinstance(node.op, Mul | Div) and (inner.factor == 1).all() and rewriter.producer(inner.x, (Mul, Div)) is not None:
        y = rewriter.add(Add(*clamp), rewriter.add(Mul(), inner.x, constant(factor)), constant(term))
    else:
        return None
    rewriter.replace(node.output, y)
    return f"takes over {source}"
