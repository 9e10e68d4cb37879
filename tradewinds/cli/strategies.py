"""`tradewinds strategies`: create, start, stop, restart and look at configured strategies."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from tradewinds.cli.output import ago, print_json, print_table, short, to_dict, when
from tradewinds.cli.running import AsJson, StateDir, say_error, with_connection
from tradewinds.cli.strategy_template import class_name, write_strategy
from tradewinds.client import acts
from tradewinds.client.connection import Connection
from tradewinds.errors import InvalidArgumentError
from tradewinds.v1 import strategy_manager_pb2

app = typer.Typer(no_args_is_help=True, help=__doc__)

ConfigId = Annotated[str, typer.Argument(help="The configured strategy, see `tradewinds strategies list`.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the audit.")]


OnCrash = Annotated[str, typer.Option("--on-crash", help="After a crash: RESUME, LEAVE_OPEN or SQUARE_OFF.")]
Segment = Annotated[
    str,
    typer.Option("--schedule", metavar="SEGMENT", help="Run in the continuous trading of this segment, e.g. NSE_CM."),
]
SquareOff = Annotated[
    int | None,
    typer.Option("--square-off", metavar="MINUTES", help="With --schedule: flat so long before the broker's cut-off."),
]


@app.command("list")
def list_(state_dir: StateDir = None, as_json: AsJson = False) -> None:
    """Show every configured strategy and what it does."""
    configs = with_connection(state_dir, acts.list_strategy_configs)
    if as_json:
        print_json([to_dict(config) for config in configs])
        return
    print_strategies(configs)


def print_strategies(configs: list[strategy_manager_pb2.StrategyConfig]) -> None:
    """The table of configured strategies."""
    rows = []
    for config in configs:
        status = acts.strategy_status(config)
        rows.append(
            (
                config.config_id,
                f"{config.module_path}.{config.class_name}",
                config.account_id,
                f"{status['status']} (paused)" if config.paused else status["status"],
                config.runner_id or "–",
                str(config.process_id or "–"),
                str(config.crash_count),
                ago(status["heartbeat"]),
                "; ".join(filter(None, (config.state_reason, config.pause_reason))),
            )
        )
    columns = ("config", "strategy", "account", "state", "runner", ">pid", ">crashes", "heartbeat", "")
    print_table(
        "Strategies", columns, rows, empty="No strategies yet: create one with `tradewinds strategies create --help`."
    )


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Name of the module, such as my_breakout.")],
    folder: Annotated[Path, typer.Option(help="Where it is written; `tradewinds up --strategies FOLDER`.")] = Path(
        "my_strategies"
    ),
) -> None:
    """Write a strategy that works, and a test that passes, to begin with."""
    try:
        module, test = write_strategy(name, folder)
    except InvalidArgumentError as e:
        say_error(e)
        raise typer.Exit(1) from e
    typer.echo(f"{module} and {test} written. Next:")
    typer.echo(f"  python -m pytest {test}")
    typer.echo(f"  tradewinds up --strategies {folder}")
    typer.echo(
        f"  tradewinds strategies create {folder.name}.{name}.{class_name(name)} --id {name.replace('_', '-')} "
        """--config '{"symbols": ["TCS"]}' --start"""
    )


@app.command()
def create(
    strategy: Annotated[str, typer.Argument(help="MODULE.CLASS, e.g. strategies.momentum.MomentumStrategy")],
    config: Annotated[str, typer.Option("--config", help="Parameters: JSON, or @FILE with JSON.")] = "{}",
    config_id: Annotated[str, typer.Option("--id", help="Its id; generated when left out.")] = "",
    account: Annotated[str, typer.Option(help="Broker account; your only one when left out.")] = "",
    on_crash: OnCrash = "",
    segment: Segment = "",
    square_off: SquareOff = None,
    start: Annotated[bool, typer.Option("--start", help="Start it at once.")] = False,
    state_dir: StateDir = None,
) -> None:
    """Configure a strategy; its class, parameters and symbols are checked before anything is stored."""
    module_path, _, class_name = strategy.rpartition(".")

    async def act(connection: Connection) -> str:
        created = await acts.create_strategy_config(
            "",
            class_name,
            module_path,
            _json_object(config, "--config"),
            config_id=config_id,
            account_id=account,
            on_crash=on_crash,
            schedule=_schedule(segment, square_off),
            connection=connection,
        )
        if start:
            await acts.start_strategy(created, connection=connection)
        return created

    created = with_connection(state_dir, act)
    typer.echo(
        f"{created} created{' and running' if start else f'; start it with `tradewinds strategies start {created}`'}"
    )


Act = Callable[..., Coroutine[Any, Any, None]]

# The verbs that take a strategy and a reason: what each does, and what is said when it is done.
_VERBS: tuple[tuple[str, Act, str, str], ...] = (
    ("start", acts.start_strategy, "Start one and wait until it runs.", "{0} is running"),
    (
        "stop",
        acts.stop_strategy,
        "Stop one and wait until its process has ended. Its positions stay open.",
        "{0} is stopped; its positions stay open",
    ),
    (
        "restart",
        acts.restart_strategy,
        "Restart one in a new process, with its saved state.",
        "{0} runs in a new process",
    ),
    (
        "pause",
        acts.pause_strategy,
        "Forbid entries; exits and guards go on. It stays so over stops and crashes, until `resume`.",
        "{0} takes no entries",
    ),
    ("resume", acts.resume_strategy, "Allow entries again.", "{0} may enter again"),
    (
        "kill",
        acts.kill_strategy,
        "End its process at once, without its on_stop. Its positions stay open.",
        "{0} is killed; its positions stay open",
    ),
    (
        "release",
        acts.release_strategy,
        "Release one from quarantine; start it when it is mended.",
        "{0} is released; start it with `tradewinds strategies start {0}`",
    ),
)


def _add(name: str, act: Act, what: str, done: str) -> None:
    def command(config_id: ConfigId, reason: Reason = "", state_dir: StateDir = None) -> None:
        with_connection(state_dir, lambda link: act(config_id, reason=reason, connection=link))
        typer.echo(done.format(config_id))

    app.command(name, help=what)(command)


for _verb in _VERBS:
    _add(*_verb)


@app.command()
def signal(
    config_id: ConfigId,
    data: Annotated[str, typer.Option("--json", help="What its on_signal gets: a JSON object, or @FILE with one.")],
    reason: Reason = "",
    state_dir: StateDir = None,
) -> None:
    """Tell one that runs something: its on_signal is called with it, once."""

    def act(link: Connection) -> Coroutine[Any, Any, None]:
        return acts.signal_strategy(config_id, _json_object(data, "--json"), reason=reason, connection=link)

    with_connection(state_dir, act)
    typer.echo(f"{config_id} was told")


@app.command()
def update(
    config_id: ConfigId,
    config: Annotated[str, typer.Option("--config", help="The changed parameters: JSON, or @FILE with JSON.")] = "{}",
    on_crash: OnCrash = "",
    segment: Segment = "",
    square_off: SquareOff = None,
    always: Annotated[bool, typer.Option("--always", help="Take its schedule away.")] = False,
    unset: Annotated[list[str] | None, typer.Option("--unset", help="Back to its default; repeatable.")] = None,
    reason: Reason = "",
    state_dir: StateDir = None,
) -> None:
    """Change parameters: in the running process where they are live, with a new process otherwise."""

    def act(link: Connection) -> Coroutine[Any, Any, str]:
        changes = _json_object(config, "--config")
        return acts.update_strategy_config(
            config_id,
            changes,
            update_mask=[*changes, *(unset or ())],
            on_crash=on_crash,
            schedule=_schedule(segment, square_off),
            clear_schedule=always,
            reason=reason,
            connection=link,
        )

    typer.echo(f"{config_id}: {with_connection(state_dir, act)}")


@app.command()
def commands(config_id: ConfigId, state_dir: StateDir = None, as_json: AsJson = False) -> None:
    """Show what it was told, by whom and why, and what came of it; newest first."""
    request = strategy_manager_pb2.ListCommandsRequest(config_id=config_id)
    found = with_connection(state_dir, lambda link: link.call(link.strategies.ListCommands, request))
    if as_json:
        print_json(to_dict(found))
        return
    rows = [
        (
            when(command.created_at, date=True),
            short(strategy_manager_pb2.CommandVerb, command.verb),
            short(strategy_manager_pb2.CommandStatus, command.status),
            command.issuer,
            command.reason,
            command.result,
        )
        for command in found.commands
    ]
    print_table("Commands", ("given IST", "verb", "status", "by", "why", "result"), rows, empty="It was told nothing.")


@app.command()
def runs(config_id: ConfigId, state_dir: StateDir = None, as_json: AsJson = False) -> None:
    """Show its processes, newest first: where they ran, which code, how they ended."""
    request = strategy_manager_pb2.ListRunsRequest(config_id=config_id)
    found = with_connection(state_dir, lambda link: link.call(link.strategies.ListRuns, request))
    if as_json:
        print_json(to_dict(found))
        return
    rows = [
        (
            when(run.started_at, date=True),
            when(run.ended_at, date=True) if run.HasField("ended_at") else "–",
            run.outcome,
            run.runner_id,
            str(run.process_id),
            str(run.epoch),
            run.code_hash[:12],
            run.detail.strip().rpartition("\n")[2],
        )
        for run in found.runs
    ]
    columns = ("began IST", "ended IST", "outcome", "runner", ">pid", ">epoch", "code", "")
    print_table("Runs", columns, rows, empty="It has never run.")


@app.command()
def show(config_id: ConfigId, state_dir: StateDir = None) -> None:
    """Show one whole, as JSON: parameters, state, metrics."""
    request = strategy_manager_pb2.GetStrategyConfigRequest(config_id=config_id)
    found = with_connection(state_dir, lambda link: link.call(link.strategies.GetStrategyConfig, request))
    print_json(to_dict(found))


@app.command()
def logs(
    config_id: ConfigId,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, max=1000, help="How many of the last lines.")] = 100,
    state_dir: StateDir = None,
) -> None:
    """Show what a strategy printed and what happened to its processes."""

    async def act(connection: Connection) -> None:
        if not follow:
            request = strategy_manager_pb2.ListStrategyLogsRequest(config_id=config_id, page_size=lines)
            _print_lines((await connection.call(connection.strategies.ListStrategyLogs, request)).lines)
            return
        watch = strategy_manager_pb2.WatchStrategyLogsRequest(config_id=config_id, page_size=lines)
        async for response in connection.watch(connection.strategies.WatchStrategyLogs, watch):
            _print_lines(response.lines)

    with_connection(state_dir, act)


def _print_lines(lines: Iterable[strategy_manager_pb2.StrategyLogLine]) -> None:
    for line in lines:
        mark = "" if line.source == "PRINTED" else f"[{line.source.lower()}] "
        typer.echo(f"{when(line.written_at, date=True)} {mark}{line.text}")


@app.command()
def delete(config_id: ConfigId, state_dir: StateDir = None) -> None:
    """Delete a stopped one. Its orders stay on record."""
    request = strategy_manager_pb2.DeleteStrategyConfigRequest(config_id=config_id)
    with_connection(state_dir, lambda link: link.call(link.strategies.DeleteStrategyConfig, request))
    typer.echo(f"{config_id} is deleted")


def _schedule(segment: str, square_off: int | None) -> strategy_manager_pb2.Schedule | None:
    if not segment and square_off is not None:
        raise InvalidArgumentError.field("--square-off", "needs --schedule SEGMENT")
    return strategy_manager_pb2.Schedule(segment=segment, square_off_minutes=square_off) if segment else None


def _json_object(text: str, option: str) -> dict[str, Any]:
    if text.startswith("@"):
        try:
            text = Path(text[1:]).read_text()
        except OSError as e:
            raise InvalidArgumentError.field(option, f"{text[1:]} cannot be read ({e.strerror})") from e
    try:
        value = json.loads(text)
    except ValueError as e:
        raise InvalidArgumentError.field(option, f'is not JSON ({e}); write \'{{"symbols": ["RELIANCE"]}}\'') from e
    if not isinstance(value, dict):
        raise InvalidArgumentError.field(option, 'is not a JSON object; write \'{"symbols": ["RELIANCE"]}\'')
    return value
