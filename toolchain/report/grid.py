"""The forms that text and tables have in the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text


def plain(text: str, style: str = "") -> Text:
    """Text as it is: names come from files, so nothing in them is markup, and what cannot be printed becomes '?'."""
    return Text("".join(c if c.isprintable() or c == "\n" else "?" for c in text), style)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A plain table; a column whose title starts with # holds numbers, names are folded and never cut."""
    result = Table(title=plain(title, "bold"), title_justify="left", box=None, pad_edge=False, header_style="dim")
    for column in columns:
        if column.startswith("#"):
            result.add_column(column[1:] or "#", justify="right", no_wrap=True)
        else:
            result.add_column(column, overflow="fold")
    for row in rows:
        result.add_row(*map(plain, row))
    return result
