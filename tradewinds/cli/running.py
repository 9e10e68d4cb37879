"""How every command runs: one event loop, one connection, one clear line and exit code 1 when something is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console

from tradewinds.client.connection import Connection
from tradewinds.client.target import find_target
from tradewinds.errors import TradewindsError

ResultT = TypeVar("ResultT")

errors_console = Console(stderr=True, highlight=False)

StateDir = Annotated[
    Path | None,
    typer.Option("--state-dir", envvar="TRADEWINDS_STATE_DIR", help="The state folder of the running stack."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of a table.")]


def with_connection(state_dir: Path | None, act: Callable[[Connection], Awaitable[ResultT]]) -> ResultT:
    """Run `act` with a connection to the running system."""

    async def connected() -> ResultT:
        async with Connection(find_target(state_dir)) as connection:
            return await act(connection)

    return run(connected())


def run(work: Awaitable[ResultT]) -> ResultT:
    """Run a coroutine; a known error is one red line, field by field, and exit code 1."""

    async def main() -> ResultT:
        return await work

    try:
        return asyncio.run(main())
    except TradewindsError as e:
        say_error(e)
        raise typer.Exit(1) from e
    except KeyboardInterrupt as e:
        raise typer.Exit(130) from e


def say_error(error: TradewindsError) -> None:
    """What was wrong, and every field that is to blame."""
    errors_console.print(f"[red]error:[/red] {_escape(error.message)}", soft_wrap=True)
    for violation in error.violations:
        if violation.description not in error.message:
            errors_console.print(f"  {_escape(violation.field)}: {_escape(violation.description)}")


def _escape(text: Any) -> str:
    return str(text).replace("[", r"\[")
