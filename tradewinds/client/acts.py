"""Everyday acts, each one call with plain Python values in and out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC
from typing import Any

from google.protobuf import struct_pb2
from google.protobuf.message import Message

from tradewinds.client.connection import Connection
from tradewinds.errors import InvalidArgumentError, PreconditionError, UnavailableError
from tradewinds.ids import new_id
from tradewinds.v1 import notifier_pb2, strategy_manager_pb2

_POLL_SECONDS = 0.1
_COMMAND_SECONDS = 30.0
_PAGE = 500


async def create_strategy_config(
    user_id: str,
    class_name: str,
    module_path: str,
    config: Mapping[str, Any],
    *,
    config_id: str = "",
    account_id: str = "",
    on_crash: str = "",
    schedule: strategy_manager_pb2.Schedule | None = None,
    connection: Connection | None = None,
) -> str:
    """Create a configured instance of a strategy class and return its config id.

    `account_id` defaults to the user's only broker account, `config_id` to a generated one. Raises
    `InvalidArgumentError` naming the field (`module_path`, `class_name`, `config.symbols[0]`…); nothing is stored then.
    """
    parameters = struct_pb2.Struct()
    parameters.update(dict(config))
    request = strategy_manager_pb2.CreateStrategyConfigRequest(
        user_id=user_id,
        class_name=class_name,
        module_path=module_path,
        config=parameters,
        config_id=config_id,
        account_id=account_id,
        request_id=new_id("req"),
        on_crash=_on_crash(on_crash),
        schedule=schedule,
    )
    async with _use(connection) as link:
        created = await link.call(link.strategies.CreateStrategyConfig, request)
    return str(created.config_id)


async def start_strategy(config_id: str, *, reason: str = "", connection: Connection | None = None) -> None:
    """Start it and wait until it runs; raises `PreconditionError` with the reason when it cannot."""
    await _command("Start", config_id, reason, connection)


async def stop_strategy(config_id: str, *, reason: str = "", connection: Connection | None = None) -> None:
    """Stop it and wait until its process has ended; its positions stay open."""
    await _command("Stop", config_id, reason, connection)


async def restart_strategy(config_id: str, *, reason: str = "", connection: Connection | None = None) -> None:
    """Stop its process, start a new one with its saved state, and wait until that runs."""
    await _command("Restart", config_id, reason, connection)


async def pause_strategy(config_id: str, *, reason: str = "", connection: Connection | None = None) -> None:
    """Forbid entries and wait until its runner does so too; exits and guards go on."""
    await _command("Pause", config_id, reason, connection)


async def resume_strategy(config_id: str, *, reason: str = "", connection: Connection | None = None) -> None:
    """Allow entries again."""
    await _command("Resume", config_id, reason, connection)


async def kill_strategy(config_id: str, *, reason: str = "", connection: Connection | None = None) -> None:
    """End its process at once, without its on_stop; its positions stay open."""
    await _command("Kill", config_id, reason, connection)


async def release_strategy(config_id: str, *, reason: str = "", connection: Connection | None = None) -> None:
    """Out of quarantine: it is stopped then, and may be started."""
    await _command("Release", config_id, reason, connection)


async def signal_strategy(
    config_id: str, signal: Mapping[str, Any], *, reason: str = "", connection: Connection | None = None
) -> None:
    """Call its `on_signal` with this, once; raises `PreconditionError` where it does not run or its process ended meanwhile."""
    data = struct_pb2.Struct()
    data.update(dict(signal))
    await _command("Signal", config_id, reason, connection, signal=data)


async def _command(
    verb: str, config_id: str, reason: str, connection: Connection | None, **fields: Message
) -> strategy_manager_pb2.StrategyCommand:
    """Give the command and wait for its end."""
    request_type = getattr(strategy_manager_pb2, f"{verb}StrategyRequest")
    request = request_type(config_id=config_id, reason=reason, request_id=new_id("req"), **fields)
    async with _use(connection) as link:
        return await _until_done(link, await link.call(getattr(link.strategies, f"{verb}Strategy"), request))


async def update_strategy_config(
    config_id: str,
    config: Mapping[str, Any],
    *,
    update_mask: Sequence[str] = (),
    on_crash: str = "",
    schedule: strategy_manager_pb2.Schedule | None = None,
    clear_schedule: bool = False,
    reason: str = "",
    connection: Connection | None = None,
) -> str:
    """Change parameters, in the running process where they are live, with a new one otherwise; returns how that went."""
    parameters = struct_pb2.Struct()
    parameters.update(dict(config))
    request = strategy_manager_pb2.UpdateStrategyConfigRequest(
        config_id=config_id,
        config=parameters,
        update_mask=update_mask,
        on_crash=_on_crash(on_crash),
        schedule=schedule,
        clear_schedule=clear_schedule,
        reason=reason,
        request_id=new_id("req"),
    )
    async with _use(connection) as link:
        done = await _until_done(link, await link.call(link.strategies.UpdateStrategyConfig, request))
    return str(done.result)


def _on_crash(name: str) -> strategy_manager_pb2.OnCrash:
    """The enum of RESUME, LEAVE_OPEN or SQUARE_OFF; not said when empty. Raises `InvalidArgumentError`."""
    if not name:
        return strategy_manager_pb2.ON_CRASH_UNSPECIFIED
    try:
        number: strategy_manager_pb2.OnCrash = strategy_manager_pb2.OnCrash.Value(f"ON_CRASH_{name.upper()}")  # type: ignore[assignment]
    except ValueError as e:
        raise InvalidArgumentError.field("on_crash", f"{name!r} is not RESUME, LEAVE_OPEN or SQUARE_OFF") from e
    return number


async def list_strategy_configs(connection: Connection) -> list[strategy_manager_pb2.StrategyConfig]:
    """Every configured instance that the caller may see, all pages."""
    configs: list[strategy_manager_pb2.StrategyConfig] = []
    token = ""
    while True:
        request = strategy_manager_pb2.ListStrategyConfigsRequest(page_size=_PAGE, page_token=token)
        page = await connection.call(connection.strategies.ListStrategyConfigs, request)
        configs += page.strategy_configs
        token = page.next_page_token
        if not token:
            return configs


async def get_all_strategies_status(*, connection: Connection | None = None) -> dict[str, dict[str, Any]]:
    """`{config_id: {"status", "running", "paused", "heartbeat", "reason", "runner_id", "epoch", "process_id", "crash_count", "metrics"}}`.

    `status` is the state's short name (RUNNING, STOPPED…), `heartbeat` an aware UTC datetime or None.
    """
    async with _use(connection) as link:
        configs = await list_strategy_configs(link)
    return {config.config_id: strategy_status(config) for config in configs}


def strategy_status(config: strategy_manager_pb2.StrategyConfig) -> dict[str, Any]:
    """One instance's status as plain values."""
    state = strategy_manager_pb2.StrategyState.Name(config.state).removeprefix("STRATEGY_STATE_")
    return {
        "status": state,
        "running": state == "RUNNING",
        "paused": config.paused,
        "heartbeat": config.heartbeat_at.ToDatetime(tzinfo=UTC) if config.HasField("heartbeat_at") else None,
        "reason": config.state_reason,
        "runner_id": config.runner_id,
        "epoch": config.epoch,
        "process_id": config.process_id,
        "crash_count": config.crash_count,
        "metrics": dict(config.metrics),
    }


async def send_notification(
    user_id: str,
    type: str,  # noqa: A002 - the field's name everywhere else
    title: str,
    message: str,
    *,
    data: Mapping[str, Any] | None = None,
    dedupe_key: str = "",
    connection: Connection | None = None,
) -> str:
    """Send one notification and return its id; when this returns, a persisted type is in the database."""
    facts = struct_pb2.Struct()
    facts.update(dict(data or {}))
    request = notifier_pb2.SendNotificationRequest(
        user_id=user_id, type=type, title=title, message=message, data=facts, dedupe_key=dedupe_key
    )
    async with _use(connection) as link:
        response = await link.call(link.notifier.SendNotification, request)
    return str(response.notification_id)


async def _until_done(
    connection: Connection, command: strategy_manager_pb2.StrategyCommand
) -> strategy_manager_pb2.StrategyCommand:
    """Poll a command to its end and return it; raises with its result where that is a failure."""
    status = strategy_manager_pb2.CommandStatus
    try:
        async with asyncio.timeout(_COMMAND_SECONDS):
            while command.status in (status.COMMAND_STATUS_PENDING, status.COMMAND_STATUS_CLAIMED):
                await asyncio.sleep(_POLL_SECONDS)
                request = strategy_manager_pb2.GetCommandRequest(command_id=command.command_id)
                command = await connection.call(connection.strategies.GetCommand, request)
    except TimeoutError as e:
        raise UnavailableError(
            f"{command.config_id}: the command was given but is not done after {_COMMAND_SECONDS:.0f} s; "
            "look at its state with `tradewinds strategies list`"
        ) from e
    if command.status != status.COMMAND_STATUS_DONE:
        raise PreconditionError(f"{command.config_id}: {command.result}", reason="COMMAND_FAILED")
    return command


@asynccontextmanager
async def _use(connection: Connection | None) -> AsyncIterator[Connection]:
    """The caller's connection, or one of our own for this act."""
    if connection is not None:
        yield connection
        return
    async with Connection() as own:
        yield own
