"""Connections go from user to user of the pool as they are: no statement of ours may leave anything in the session behind."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
SERVICES = ("engine_server", "notifier", "strategy_runner", "tradewinds")
# What outlives its transaction. SET LOCAL and pg_advisory_xact_lock do not.
STICKY = re.compile(
    r"(?:^|;)\s*SET\s+(?!LOCAL\b|TRANSACTION\b|CONSTRAINTS\b)\w+\s*(?:=|TO\b)|\bSET\s+SESSION\b|\bset_config\((?!.*true\))"
    r"|pg_(?:try_)?advisory_lock|\bCREATE\s+TEMP|(?:^|;)\s*LISTEN\b|\bWITH\s+HOLD\b|(?:^|;)\s*PREPARE\b",
)
# Undone by who sets it (`Journal.close`).
KNOWN = {"engine_server/oms/statements.py: SET plan_cache_mode"}


def texts(path: Path) -> Iterator[str]:
    """Every string of a file, those of f-strings with their values left out; docstrings are no statements."""
    tree = ast.parse(path.read_text())
    documentation = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else " x " for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.value


def leaves_something(text: str) -> str:
    """What of it stays in the session; '' when nothing does."""
    found = STICKY.search(text)
    return " ".join(found[0].strip("; \n=").split()) if found else ""


def test_no_statement_leaves_anything_in_its_session() -> None:
    sticky = {
        f"{path.relative_to(ROOT)}: {what}"
        for folder in SERVICES
        for path in (ROOT / folder).rglob("*.py")
        if "migrations" not in path.parts
        for text in texts(path)
        if (what := leaves_something(text))
    }
    assert sticky == KNOWN


def test_only_a_connection_of_its_own_listens() -> None:
    listening = {
        str(path.relative_to(ROOT))
        for folder in SERVICES
        for path in (ROOT / folder).rglob("*.py")
        if ".add_listener(" in path.read_text()
    }
    assert listening == {"tradewinds/database/listener.py"}


def test_it_would_be_seen() -> None:
    left = [
        "SET search_path = x",
        "SELECT 1; SET role TO x",
        "SELECT pg_advisory_lock(1)",
        "CREATE TEMP TABLE t ()",
        "LISTEN c",
    ]
    ended = [
        "SET LOCAL statement_timeout = '30s'",
        "UPDATE t SET a = 1",
        "SELECT pg_advisory_xact_lock(1)",
        "RESET role",
    ]
    assert [bool(leaves_something(text)) for text in (*left, *ended)] == [True] * 5 + [False] * 4
