"""`tradewinds up`: the whole system on this machine, until Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from tradewinds.cli.output import console
from tradewinds.cli.running import run
from tradewinds.client.connection import Connection
from tradewinds.client.target import DEFAULT_STATE_DIR, Target
from tradewinds.config import BrokerCredentials, BrokerSettings, load
from tradewinds.embedded.broker import RealBroker
from tradewinds.embedded.options import UpOptions
from tradewinds.errors import TradewindsError
from tradewinds.telemetry import configure_logging

if TYPE_CHECKING:
    from tradewinds.embedded.stack import Stack, StackFacts


def up(
    more_replays: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE", help="More files after --replay FILE.", show_default=False)
    ] = None,
    state_dir: Annotated[
        Path,
        typer.Option(envvar="TRADEWINDS_STATE_DIR", help="Where everything is kept; the next `up` continues from it."),
    ] = DEFAULT_STATE_DIR,
    rest_port: Annotated[
        int | None,
        typer.Option(help="Port of REST and gRPC; 0 takes any. Default: 8080, or any other if that is in use."),
    ] = None,
    engines: Annotated[int, typer.Option(help="Engine processes.")] = 1,
    runners: Annotated[int, typer.Option(help="Runner processes, which host the strategies.")] = 1,
    strategies: Annotated[
        Path | None, typer.Option(help="Your own folder: my_strategies/breakout.py becomes my_strategies.breakout.")
    ] = None,
    replay: Annotated[
        list[Path] | None,
        typer.Option(help="Recorded data (csv, csv.gz; bars or ticks) instead of generated prices; repeatable."),
    ] = None,
    speed: Annotated[float, typer.Option(help="Market seconds per real second.")] = 1.0,
    ready_file: Annotated[
        Path | None, typer.Option(help="Written (JSON: addresses, token, pids) when all is up.")
    ] = None,
    demo: Annotated[bool, typer.Option(help="Start the sample momentum strategy.")] = True,
) -> None:
    """Start PostgreSQL, Valkey, a simulated broker and every service; a sample strategy trades within seconds.

    DATABASE_URL and REDIS_URL replace the embedded servers (DATABASE_OWNER_URL migrates it, where DATABASE_URL's role does not own it).
    BROKER_CLIENT_CODE, BROKER_PIN, BROKER_TOTP_SECRET and BROKER_API_KEY replace the simulated broker: real money, and no sample strategy
    (`tradewinds broker check` first). Ctrl-C stops everything in order.
    """
    if more_replays and not replay:
        raise typer.BadParameter(f"{more_replays[0]} belongs to no option; recorded data come with --replay FILE")
    options = UpOptions(
        state_dir=state_dir,
        rest_port=rest_port,
        engines=engines,
        runners=runners,
        strategies=strategies,
        replay=(*(replay or ()), *(more_replays or ())),
        speed=speed,
        ready_file=ready_file,
        demo=demo,
        database_url=os.environ.get("DATABASE_URL", ""),
        database_owner_url=os.environ.get("DATABASE_OWNER_URL", ""),
        redis_url=os.environ.get("REDIS_URL", ""),
    )
    run(_up(options))


def _real_broker() -> RealBroker | None:
    """The account in the environment; raises `ConfigurationError` when only a part of it is there."""
    credentials = load(BrokerCredentials)
    return RealBroker(credentials, load(BrokerSettings)) if credentials.given else None


async def _up(options: UpOptions) -> None:
    """Start, tell, wait for a signal, stop. Whatever had started is stopped, whatever happens."""
    from tradewinds.embedded.stack import Stack  # the servers' parts: no other command of ours needs them

    options = replace(options, real_broker=_real_broker())
    configure_logging("up", "ERROR")  # people read what is printed; retries and the like are in the logs of the parts
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    stack = Stack(options, _progress)
    try:
        if await _unless(stopping, _start(stack, options)):
            await stopping.wait()
        console.print("\nstopping (state is kept)…")
    finally:
        await stack.stop()
    console.print("stopped; `tradewinds up` continues from here")


async def _start(stack: Stack, options: UpOptions) -> None:
    began = time.monotonic()
    await stack.start()
    facts = stack.facts()
    note = await _demo(facts, options) if options.demo and options.real_broker is None else ""
    _welcome(facts, options, time.monotonic() - began, note)


async def _unless(stopping: asyncio.Event, work: object) -> bool:
    """Do `work` unless we are told to stop before it is done; True when it was done."""
    task = asyncio.ensure_future(work)  # type: ignore[call-overload]
    stop = asyncio.create_task(stopping.wait())
    await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if task.done():
        task.result()
        return True
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return False


async def _demo(facts: StackFacts, options: UpOptions) -> str:
    """The sample strategy; that it cannot be started is said and is no reason to stop."""
    from tradewinds.embedded.demo import start_demo

    target = Target(facts.rest.removeprefix("http://"), facts.token)
    try:
        async with Connection(target) as connection:
            config_id = await start_demo(connection, facts.account_id)
    except TradewindsError as e:
        return f"[yellow]the sample strategy was not started: {e.message}[/yellow]"
    speed = f" at ×{options.speed:g}" if options.speed != 1 else ""
    return f"The sample strategy [bold]{config_id}[/bold] (strategies.momentum) is trading RELIANCE and TCS{speed}."


def _progress(name: str, what: str) -> None:
    if what == "starting":
        return
    mark = (
        "[green]✓[/green]" if what.startswith("up") else "[dim]·[/dim]" if what == "stopped" else "[yellow]![/yellow]"
    )
    console.print(f"  {mark} {name:<11} [dim]{what}[/dim]")


def _welcome(facts: StackFacts, options: UpOptions, seconds: float, note: str) -> None:
    command = (
        "tradewinds"
        if options.state_dir == DEFAULT_STATE_DIR
        else f"TRADEWINDS_STATE_DIR={options.state_dir} tradewinds"
    )
    console.print(f"\n[bold]Tradewinds is up[/bold] in {seconds:.1f} s. {note}\n")
    console.print(f"  REST, SSE and gRPC   {facts.rest}")
    if options.real_broker is None:
        console.print(f"  simulated broker     {facts.sandbox}")
    else:
        where = urlsplit(options.real_broker.addresses.rest_url).netloc
        console.print(f"  [bold red]REAL MONEY[/bold red]           account {facts.account_id} at {where}")
    console.print(f"  state and logs       {options.state_dir}/  (logs/ has one file a process)")
    console.out(f"  token                {facts.token}\n", highlight=False)
    console.print("Try, in another terminal (the commands are in .venv/bin):")
    console.print(f"  {command} status")
    console.print(f"  {command} orders list")
    console.print(f"  {command} notifications --follow")
    console.out(
        f'  curl -N -H "Authorization: Bearer $({command} token)" {facts.rest}/v1/notifications/stream', highlight=False
    )
    console.print("\nCtrl-C stops everything in order.")
