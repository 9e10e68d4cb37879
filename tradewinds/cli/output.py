"""Tables for people and JSON for scripts, from the same messages."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console
from rich.table import Table

from tradewinds.clock import ist
from tradewinds.money import grouped

# Into a pipe or a file a table is as wide as it needs to be: nothing of it may be lost.
console = Console(highlight=False, width=None if sys.stdout.isatty() else 240)

_PAISA = Decimal("0.01")
_GOOD = {"RUNNING", "FILLED", "OPEN", "LOGGED_IN", "DONE", "yes"}
_BAD = {"FAILED", "REJECTED", "UNKNOWN", "DENIED", "NOT_PLACED", "BACKOFF", "CLOSED", "CRITICAL", "no"}


def print_json(value: Any) -> None:
    """One JSON document on stdout, exactly as REST would say it."""
    console.print_json(json.dumps(value, default=str)) if console.is_terminal else print_plain(
        json.dumps(value, default=str)
    )


def print_json_line(value: Any) -> None:
    """One of several JSON documents, a line each, there as soon as it is said."""
    sys.stdout.write(json.dumps(value, default=str) + "\n")
    sys.stdout.flush()


def print_plain(text: str) -> None:
    """A line on stdout without markup or wrapping."""
    console.out(text, highlight=False)


def to_dict(message: Message) -> dict[str, Any]:
    """A message as REST shows it: snake_case, empty fields included."""
    return MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, empty: str) -> None:
    """A table whose numbers are right-aligned; `empty` says what to do when there is nothing to show."""
    listed = list(rows)
    console.print(table_of(title, columns, listed) if listed else empty)


def table_of(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """A table whose columns with `>` are right-aligned."""
    table = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column.lstrip(">"), justify="right" if column.startswith(">") else "left", overflow="fold")
    for row in rows:
        table.add_row(*(coloured(cell) for cell in row))
    return table


def coloured(cell: str) -> str:
    """State words in the colour of what they mean."""
    if cell in _GOOD:
        return f"[green]{cell}[/green]"
    if cell in _BAD:
        return f"[red]{cell}[/red]"
    return cell.replace("[", r"\[")


def short(enum: Any, value: int) -> str:
    """`ORDER_STATE_FILLED` of enum `OrderState` as `FILLED`."""
    name: str = enum.Name(value)
    prefix = "".join(f"_{c}" if c.isupper() else c.upper() for c in enum.DESCRIPTOR.name).lstrip("_").upper()
    return name.removeprefix(f"{prefix}_")


def rupees(text: str) -> str:
    """`1234567.5` as `12,34,567.50`, the way rupees are grouped; a dash for nothing."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return "–"
    return grouped(value.quantize(_PAISA))


def when(timestamp: Timestamp, *, date: bool = False) -> str:
    """IST wall time of a timestamp; a dash when it is not set."""
    if not timestamp.seconds:
        return "–"
    moment = ist(timestamp.ToDatetime(tzinfo=UTC))
    return moment.strftime("%Y-%m-%d %H:%M:%S" if date else "%H:%M:%S")


def ago(moment: datetime | None) -> str:
    """How long ago, in a word."""
    if moment is None:
        return "–"
    seconds = (datetime.now(UTC) - moment).total_seconds()
    if seconds < 60:
        return f"{max(0, seconds):.0f} s ago"
    return f"{seconds / 60:.0f} min ago" if seconds < 3600 else f"{seconds / 3600:.0f} h ago"
