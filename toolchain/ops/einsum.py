"""Einstein sums, composed of transposes, reductions and matrix products."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx
from toolchain.ir import IrError, Value
from toolchain.ops.matmul import product
from toolchain.ops.mul import Mul
from toolchain.ops.reduce import Reduce
from toolchain.ops.reshape import Reshape
from toolchain.ops.slice import span
from toolchain.ops.transpose import Transpose

# Axes that an ellipsis stands for are labelled by capital letters of another alphabet, the last one first.
_HIDDEN = "ΑΒΓΔΕΖΗΘ"


@dataclass(frozen=True)
class Term:
    """A tensor and the label of each of its axes."""

    value: Value
    labels: str

    def extent(self, label: str) -> int:
        return self.value.shape[self.labels.index(label)]

    def size(self, labels: str) -> int:
        return math.prod(map(self.extent, labels))


@onnx("Einsum")
def _from_onnx(node: OnnxNode) -> Value:
    inputs = node.inputs()
    terms, output = _parse(node.attribute("equation", ""), inputs)
    total = _alone(node, terms[0], output + "".join(term.labels for term in terms[1:]))
    for index, term in enumerate(terms[1:], start=2):
        wanted = output + "".join(rest.labels for rest in terms[index:])
        total = _pair(node, total, _alone(node, term, wanted + total.labels), wanted)
    total = _alone(node, total, output)
    if len(total.labels) != len(output):
        raise IrError(f"equation '{node.attribute('equation', '')}' asks for axes that no input has")
    return node.add(Transpose(tuple(map(total.labels.index, output))), total.value)


def _parse(equation: str, inputs: list[Value]) -> tuple[list[Term], str]:
    """The labelled inputs and the output's labels."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    parts = left.split(",")
    if len(parts) != len(inputs):
        raise IrError(f"equation '{equation}' has {len(parts)} terms for {len(inputs)} inputs")
    terms = [Term(value, _labels(part, value.type.rank, equation)) for part, value in zip(parts, inputs, strict=True)]
    every = "".join(term.labels for term in terms)
    hidden = "".join(label for label in reversed(_HIDDEN) if label in every)
    if arrow:
        output = right.replace("...", hidden)
    else:
        output = hidden + "".join(sorted(label for label in set(every) if every.count(label) == 1 and label not in _HIDDEN))
    if len(set(output)) != len(output) or set(output) - set(every):
        raise IrError(f"equation '{equation}' has output '{right}', expected labels of the inputs, each once")
    return terms, output


def _labels(part: str, rank: int, equation: str) -> str:
    hidden = rank - len(part.replace("...", ""))
    if part.count("...") > 1 or hidden < 0 or (hidden and "..." not in part) or hidden > len(_HIDDEN):
        raise IrError(f"equation '{equation}': term '{part}' for an input of rank {rank}")
    labels = part.replace("...", _HIDDEN[:hidden][::-1])
    if not all(label.isalpha() for label in labels):
        raise IrError(f"equation '{equation}': term '{part}', expected letters and one ellipsis")
    return labels


def _alone(node: OnnxNode, term: Term, wanted: str) -> Term:
    """A term with each label once, without those that nothing wants."""
    value, labels, add = term.value, term.labels, node.builder.add
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            first, second = labels.index(label), labels.index(label, labels.index(label) + 1)
            n = value.shape[first]
            if value.shape[second] != n:
                raise IrError(f"the axes labelled '{label}' have extents {n} and {value.shape[second]}")
            order = [axis for axis in range(len(labels)) if axis not in (first, second)] + [first, second]
            value = add(Transpose(tuple(order)), value)
            value = add(Reshape((*value.shape[:-2], n * n)), value)
            value = add(span(value.type.rank - 1, 0, n, value.shape, n + 1), value)
            labels = "".join(labels[axis] for axis in order[:-1])
    unwanted = tuple(axis for axis, label in enumerate(labels) if label not in wanted)
    if unwanted:
        value = add(Reduce("sum", unwanted), value)
        value = add(Reshape(tuple(n for axis, n in enumerate(value.shape) if axis not in unwanted)), value)
    return Term(value, "".join(label for label in labels if label in wanted))


def _pair(node: OnnxNode, a: Term, b: Term, wanted: str) -> Term:
    """The product of two terms, summed over the labels of both that nothing wants."""
    a, b = _matched(node, a, b), _matched(node, b, a)
    both = [label for label in a.labels if label in b.labels]
    batch = "".join(label for label in both if label in wanted)
    summed = "".join(label for label in both if label not in wanted)
    rows = "".join(label for label in a.labels if label not in both)
    columns = "".join(label for label in b.labels if label not in both)
    add = node.builder.add
    if a.value.dtype.kind != "f":
        left = _arranged(node, a, [*batch, *rows, None if not columns else len(columns), *summed])
        right = _arranged(node, b, [*batch, None if not rows else len(rows), *columns, *summed])
        value = add(Mul(), left, right)
        return _alone(node, Term(value, batch + rows + columns + summed), wanted)
    left = _arranged(node, a, [*batch, *rows, *summed])
    right = _arranged(node, b, [*batch, *summed, *columns])
    outer = (a.size(batch),) if batch else ()
    left = add(Reshape((*outer, a.size(rows), a.size(summed))), left)
    right = add(Reshape((*outer, b.size(summed), b.size(columns))), right)
    extents = [a.extent(label) for label in batch + rows] + [b.extent(label) for label in columns]
    return Term(add(Reshape(tuple(extents)), product(node, left, right)), batch + rows + columns)


def _matched(node: OnnxNode, term: Term, other: Term) -> Term:
    """A term without the axes of extent 1 that the other one's broadcast against."""
    single = [axis for axis, label in enumerate(term.labels) if label in other.labels and term.value.shape[axis] == 1]
    single = [axis for axis in single if other.extent(term.labels[axis]) != 1]
    for label in set(term.labels) & set(other.labels):
        if 1 not in (term.extent(label), other.extent(label)) and term.extent(label) != other.extent(label):
            raise IrError(f"the axes labelled '{label}' have extents {term.extent(label)} and {other.extent(label)}")
    if not single:
        return term
    shape = tuple(n for axis, n in enumerate(term.value.shape) if axis not in single)
    labels = "".join(label for axis, label in enumerate(term.labels) if axis not in single)
    return Term(node.builder.add(Reshape(shape), term.value), labels)


def _arranged(node: OnnxNode, term: Term, order: list[str | int | None]) -> Value:
    """The tensor with its axes in this order; a number stands for so many axes of extent 1, None for none."""
    labels = [item for item in order if isinstance(item, str)]
    value = node.builder.add(Transpose(tuple(map(term.labels.index, labels))), term.value)
    shape: list[int] = []
    for item in order:
        if isinstance(item, str):
            shape.append(term.extent(item))
        elif item is not None:
            shape.extend([1] * item)
    assert value.type.size == np.prod(shape, dtype=np.int64)
    return node.builder.add(Reshape(tuple(shape)), value)
