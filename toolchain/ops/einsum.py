"""Einstein sums, composed of diagonals, sums, transposes and matrix products."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from toolchain.importers.onnx import OnnxNode
from toolchain.importers.spelling import onnx
from toolchain.ir import Builder, IrError, Value
from toolchain.ops.matmul import product
from toolchain.ops.reduce import Reduce
from toolchain.ops.reshape import Reshape
from toolchain.ops.slice import span
from toolchain.ops.transpose import Transpose


@dataclass(frozen=True)
class Term:
    """A tensor and the label of each of its axes."""

    value: Value
    labels: tuple[str, ...]

    def extent(self, label: str) -> int:
        return self.value.shape[self.labels.index(label)]


def parse(equation: str, ranks: Sequence[int]) -> tuple[list[tuple[str, ...]], tuple[str, ...]]:
    """The labels of each input and of the output; the axes of an ellipsis are called "0", "1", ... from the last one on."""
    inputs, arrow, output = equation.replace(" ", "").partition("->")
    parts = inputs.split(",")
    if len(parts) != len(ranks):
        raise IrError(f"equation '{equation}' is about {len(parts)} inputs, the node has {len(ranks)}")
    terms = [_labels(part, rank) for part, rank in zip(parts, ranks, strict=True)]
    hidden = max((sum(label.isdigit() for label in term) for term in terms), default=0)
    if arrow:
        return terms, _labels(output, hidden + len(output.replace("...", "")) if "..." in output else len(output))
    flat = [label for term in terms for label in term]
    named = sorted({label for label in flat if not label.isdigit() and flat.count(label) == 1})
    return terms, (*map(str, reversed(range(hidden))), *named)


def _labels(part: str, rank: int) -> tuple[str, ...]:
    before, dots, after = part.partition("...")
    hidden = rank - len(before) - len(after)
    if not (before + after).isalpha() and before + after:
        raise IrError(f"'{part}' is no list of letters")
    if hidden < 0 or (hidden and not dots):
        raise IrError(f"'{part}' does not label {rank} axes")
    return (*before, *map(str, reversed(range(hidden))), *after)


def _arranged(builder: Builder, term: Term, labels: Sequence[str]) -> Value:
    """The term's value with its axes in this order."""
    perm = tuple(term.labels.index(label) for label in labels)
    return builder.add(Transpose(perm), term.value)


def _diagonal(builder: Builder, term: Term) -> Term:
    """Without a label that comes twice: the elements where both axes have the same index."""
    twice = next((label for label in term.labels if term.labels.count(label) > 1), None)
    if twice is None:
        return term
    first, second, *_ = [axis for axis, label in enumerate(term.labels) if label == twice]
    n = term.value.shape[first]
    if term.value.shape[second] != n:
        raise IrError(f"label '{twice}' stands for extents {n} and {term.value.shape[second]}")
    rest = [axis for axis in range(len(term.labels)) if axis not in (first, second)]
    moved = builder.add(Transpose((*rest, first, second)), term.value)
    square = builder.add(Reshape((*moved.shape[:-2], n * n)), moved)
    taken = builder.add(span(len(rest), 0, n, square.shape, n + 1), square)
    return _diagonal(builder, Term(taken, (*(term.labels[axis] for axis in rest), twice)))


def _without(builder: Builder, term: Term, gone: Sequence[str]) -> Term:
    """Summed over these labels."""
    if not gone:
        return term
    axes = tuple(axis for axis, label in enumerate(term.labels) if label in gone)
    total = builder.add(Reduce("sum", axes), term.value)
    kept = tuple(label for label in term.labels if label not in gone)
    return Term(builder.add(Reshape(tuple(term.extent(label) for label in kept)), total), kept)


def _contract(node: OnnxNode, a: Term, b: Term, needed: set[str]) -> Term:
    """The product of two terms, summed over the labels that nothing needs any more: one matrix product."""
    builder = node.builder
    single = [[label for label in x.labels if label not in needed and label not in y.labels] for x, y in ((a, b), (b, a))]
    a, b = (_without(builder, term, gone) for term, gone in zip((a, b), single, strict=True))
    for label in set(a.labels) & set(b.labels):
        n, m = a.extent(label), b.extent(label)
        if n != m and 1 not in (n, m):
            raise IrError(f"label '{label}' stands for extents {n} and {m}")
        if n != m:
            a, b = (_without(builder, a, [label]), b) if n == 1 else (a, _without(builder, b, [label]))
    both = [label for label in a.labels if label in b.labels]
    batch, summed = [label for label in both if label in needed], [label for label in both if label not in needed]
    left, right = ([label for label in term.labels if label not in both] for term in (a, b))
    extents = {label: term.extent(label) for term in (a, b) for label in term.labels}

    def size(labels: Sequence[str]) -> int:
        return math.prod(extents[label] for label in labels)

    lead = tuple(extents[label] for label in batch)
    rows = builder.add(Reshape((*lead, size(left), size(summed))), _arranged(builder, a, [*batch, *left, *summed]))
    columns = builder.add(Reshape((*lead, size(summed), size(right))), _arranged(builder, b, [*batch, *summed, *right]))
    labels = (*batch, *left, *right)
    return Term(builder.add(Reshape(tuple(extents[label] for label in labels)), product(node, rows, columns)), labels)


@onnx("Einsum")
def _from_onnx(node: OnnxNode) -> Value:
    values, equation = node.inputs(), node.attribute("equation", "")
    labels, output = parse(equation, [value.type.rank for value in values])
    terms = [_diagonal(node.builder, Term(value, names)) for value, names in zip(values, labels, strict=True)]
    if len(set(output)) != len(output) or not set(output) <= {label for term in terms for label in term.labels}:
        raise IrError(f"equation '{equation}' has an output label twice, or one that no input has")
    term = terms.pop(0)
    while terms:
        needed = set(output).union(*(other.labels for other in terms[1:]))
        term = _contract(node, term, terms.pop(0), needed)
    term = _without(node.builder, term, [label for label in term.labels if label not in output])
    return _arranged(node.builder, term, output)
