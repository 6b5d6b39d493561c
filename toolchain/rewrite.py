"""What passes share: a graph whose producers and readers are at hand, and rules applied until none applies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from toolchain.ir import Builder, Graph, IrError, Node, Op, Quant, Value


class Rewriter:
    """A graph under change. What nothing reads any more goes as soon as its last reader does."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._builder = Builder(Graph())
        self._nodes: dict[Node, None] = dict.fromkeys(graph.nodes)
        self._producers = graph.producers()
        self._readers: dict[Value, dict[Node, None]] = {v: dict.fromkeys(nodes) for v, nodes in graph.consumers().items()}
        self._remove_dead()

    def __contains__(self, node: Node) -> bool:
        return node in self._nodes

    def __iter__(self) -> Iterator[Node]:
        """The nodes as they stand when the walk begins, without those removed meanwhile."""
        return (node for node in list(self._nodes) if node in self._nodes)

    def producer(self, value: Value, kind: type[Op] | tuple[type[Op], ...] = Op) -> Node | None:
        """The node that computes `value`, if its op is of this kind."""
        node = self._producers.get(value)
        return node if node is not None and isinstance(node.op, kind) else None

    def readers(self, value: Value) -> list[Node]:
        """The nodes that read `value`, each once."""
        return list(self._readers.get(value, ()))

    def exported(self, value: Value) -> bool:
        """Whether the interface reads `value`."""
        return any(value is output for output in self.graph.outputs)

    def reader(self, value: Value, kind: type[Op] | tuple[type[Op], ...] = Op) -> Node | None:
        """The one node that reads `value`, if nothing else does and its op is of this kind."""
        readers = self._readers.get(value, {})
        if len(readers) != 1 or self.exported(value):
            return None
        node = next(iter(readers))
        return node if isinstance(node.op, kind) else None

    def add(self, op: Op, *inputs: Value, name: str = "", quant: Quant | None = None) -> Value:
        """Apply an op that has one output; a constant where all its inputs are and it folds. `replace` names the nameless."""
        (output,) = self.add_all(op, *inputs, name=name, quants=(quant,))
        return output

    def add_all(self, op: Op, *inputs: Value, name: str = "", quants: Sequence[Quant | None] = ()) -> list[Value]:
        """Apply an op; one value for each of its outputs."""
        outputs = self._builder.add_all(op, *inputs, name=name, quants=quants)
        for node in self._builder.graph.nodes:
            self._nodes[node] = None
            self._producers.update(dict.fromkeys(node.outputs, node))
            for value in node.inputs:
                self._readers.setdefault(value, {})[node] = None
        self._builder.graph.nodes.clear()
        return outputs

    def replace(self, old: Value, new: Value) -> None:
        """Make whatever reads `old` read `new`, and remove what only `old` needed. Both mean the same: equal types."""
        if (old.shape, old.dtype, old.quant) != (new.shape, new.dtype, new.quant):
            raise IrError(f"'{old.name}' of type {old.type} cannot be replaced by a value of type {new.type}")
        producer, origin = self._producers.get(new), self._producers.get(old)
        if producer is not None and not new.name:
            new.name = old.name
            if not producer.name:
                producer.name = origin.name if origin is not None else old.name
        for node in self._readers.pop(old, {}):
            node.inputs = [new if value is old else value for value in node.inputs]
            self._readers.setdefault(new, {})[node] = None
        self.graph.outputs = [new if value is old else value for value in self.graph.outputs]
        if origin is not None:
            self._remove_unread(origin)

    def _remove_unread(self, node: Node) -> None:
        pending = [node]
        while pending:
            node = pending.pop()
            if node not in self._nodes or any(self._readers.get(v) or self.exported(v) for v in node.outputs):
                continue
            del self._nodes[node]
            for value in node.inputs:
                self._readers[value].pop(node, None)
                if value in self._producers:
                    pending.append(self._producers[value])

    def _remove_dead(self) -> None:
        for node in reversed(list(self._nodes)):
            self._remove_unread(node)

    def finish(self) -> None:
        """Bring the graph up to date: its nodes in a runnable order, without those that nothing reads."""
        self._remove_dead()
        for node in self._nodes:
            node.name = node.name or f"{node.inputs[0].name if node.inputs else ''}/{node.op.name}"
            for value in node.outputs:
                value.name = value.name or node.name
        self.graph.nodes = list(self._nodes)
        self.graph.sort()


Rule = Callable[[Rewriter, Node], "str | None"]


def rewrite(graph: Graph, *rules: Rule) -> list[str]:
    """Apply the rules at every node until none applies, then remove dead nodes; a note for each change.

    A rule changes the graph through the Rewriter and says what it did, or returns None. IrError names the rule that failed.
    """
    rewriter = Rewriter(graph)
    notes: list[str] = []
    limit = 100 * (len(graph.nodes) + 10)
    settled = False
    while not settled:
        settled = True
        for node in rewriter:
            for rule in rules:
                label = str(node)
                try:
                    note = rule(rewriter, node) if node in rewriter else None
                except IrError as error:
                    raise IrError(f"rule {rule.__name__} at {label}: {error}") from error
                if note is not None:
                    notes.append(f"{label}: {note}")
                    settled = False
                if len(notes) > limit:
                    raise IrError(f"rule {rule.__name__} at {label} does not settle: {len(notes)} changes")
    rewriter.finish()
    return notes
