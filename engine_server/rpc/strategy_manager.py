"""StrategyManager: protobuf to the fleet's records and back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any, Protocol, TypeVar

from google.protobuf.message import Message

from engine_server.fleet import command_log, config_update, configs, history, metrics, registration
from engine_server.fleet.fleet import Fleet
from engine_server.fleet.inspection import NoRunnerError
from engine_server.fleet.session.parameters import json_of
from engine_server.rpc import strategy_logs
from engine_server.rpc.peers import Peers
from engine_server.rpc.strategy_messages import (
    class_message,
    command_message,
    config_message,
    run_message,
    schedule_of,
    timestamp,
)
from engine_server.rpc.strategy_watch import StrategyWatch
from tradewinds import auth, idempotency, paging
from tradewinds.errors import InvalidArgumentError, PermissionDeniedError
from tradewinds.v1 import strategy_manager_pb2 as pb
from tradewinds.v1 import strategy_manager_pb2_grpc

MessageT = TypeVar("MessageT", bound=Message)

_SOURCE = "StrategyManager"
_MAX_SIGNAL_BYTES = 16_384  # it travels with the strategy's directive


class _CommandRequest(Protocol):
    config_id: str
    reason: str
    request_id: str


class StrategyManagerServicer(strategy_manager_pb2_grpc.StrategyManagerServicer):
    """The control plane for people."""

    def __init__(self, fleet: Fleet, peers: Peers, watch: StrategyWatch) -> None:
        self._fleet = fleet
        self._watch = watch
        self._peers = peers
        self._database = fleet.database

    async def ListStrategies(self, request: pb.ListStrategiesRequest, _context: Any) -> pb.ListStrategiesResponse:  # noqa: N802
        """Registered classes."""
        size = paging.page_size(request.page_size)
        after = paging.decode_token(request.page_token, 2) or ["", ""]
        async with self._database.session() as session:
            rows = await configs.list_classes(session, after, size + 1)
        token = paging.encode_token(rows[size - 1].module_path, rows[size - 1].class_name) if len(rows) > size else ""
        return pb.ListStrategiesResponse(strategies=map(class_message, rows[:size]), next_page_token=token)

    async def CreateStrategyConfig(self, request: pb.CreateStrategyConfigRequest, context: Any) -> pb.StrategyConfig:  # noqa: N802
        """Check, ask a runner, store."""
        caller = auth.principal()
        user_id = request.user_id or caller.subject
        if user_id != caller.subject and not caller.has(auth.OPERATOR, auth.ADMIN):
            raise PermissionDeniedError(f"user_id: a configuration of {user_id} needs the role operator")
        key = {
            "caller": caller.subject,
            "method": "CreateStrategyConfig",
            "request_id": idempotency.request_id_of(request, context),
        }
        # Asking a runner takes seconds: no transaction may stand open meanwhile.
        async with self._database.session() as session:
            first = await idempotency.first_answer(session, request=request, response_type=pb.StrategyConfig, **key)
        if first is not None:
            return first
        draft = registration.Draft(
            config_id=request.config_id,
            user_id=user_id,
            account_id=request.account_id,
            module_path=request.module_path,
            class_name=request.class_name,
            config=json_of(request.config),
            on_crash=_on_crash(request.on_crash) or "RESUME",
            schedule=schedule_of(request.schedule) if request.HasField("schedule") else None,
        )
        try:
            new = await registration.examine(self._fleet, draft)
        except NoRunnerError as e:
            request.request_id = key["request_id"]
            return await self._where_runners_are(e, "CreateStrategyConfig", request, pb.StrategyConfig, context)
        async with self._database.session() as session:

            async def store() -> pb.StrategyConfig:
                await configs.create(session, new, actor=caller.subject, source=_SOURCE)
                return config_message(await configs.get(session, new.config_id, None), {})

            response = await idempotency.once(
                session, request=request, response_type=pb.StrategyConfig, act=store, **key
            )
            await session.commit()
        self._fleet.changed([response.config_id])
        return response

    async def GetStrategyConfig(self, request: pb.GetStrategyConfigRequest, _context: Any) -> pb.StrategyConfig:  # noqa: N802
        """One instance."""
        async with self._database.session() as session:
            row = await configs.get(session, request.config_id, _visible_user())
            return config_message(row, await metrics.latest(session, request.config_id))

    async def ListStrategyConfigs(  # noqa: N802
        self, request: pb.ListStrategyConfigsRequest, _context: Any
    ) -> pb.ListStrategyConfigsResponse:
        """Instances, oldest first."""
        size = paging.page_size(request.page_size)
        async with self._database.session() as session:
            rows = await configs.list_page(session, _visible_user(), _position(request.page_token), size + 1)
        return pb.ListStrategyConfigsResponse(
            strategy_configs=[config_message(row, {}) for row in rows[:size]],
            next_page_token=_next_token(rows, size, "config_id"),
        )

    async def ListStrategyLogs(  # noqa: N802
        self, request: pb.ListStrategyLogsRequest, _context: Any
    ) -> pb.ListStrategyLogsResponse:
        """Lines of one instance."""
        page = await self._fleet.logs.read(await self._own(request.config_id), *strategy_logs.place(request))
        return pb.ListStrategyLogsResponse(lines=map(strategy_logs.line_message, page.lines), cursor=page.cursor)

    async def WatchStrategyLogs(  # noqa: N802
        self, request: pb.WatchStrategyLogsRequest, _context: Any
    ) -> AsyncIterator[pb.WatchStrategyLogsResponse]:
        """Lines of one instance as they come."""
        config_id = await self._own(request.config_id)
        async for response in strategy_logs.log_stream(self._fleet.logs, config_id, *strategy_logs.place(request)):
            yield response

    async def _own(self, config_id: str) -> str:
        """The id, if the caller sees that instance; raises `NotFoundError`."""
        async with self._database.session() as session:
            await configs.get(session, config_id, _visible_user())
        return config_id

    async def DeleteStrategyConfig(  # noqa: N802
        self, request: pb.DeleteStrategyConfigRequest, _context: Any
    ) -> pb.DeleteStrategyConfigResponse:
        """Delete a stopped instance."""
        actor = auth.principal().subject
        async with self._database.session() as session:
            await configs.delete(session, request.config_id, _visible_user(), actor=actor, source=_SOURCE)
            await session.commit()
        self._fleet.changed([request.config_id])
        return pb.DeleteStrategyConfigResponse()

    async def StartStrategy(self, request: pb.StartStrategyRequest, context: Any) -> pb.StrategyCommand:  # noqa: N802
        """START."""
        return await self._command("START", request, context)

    async def StopStrategy(self, request: pb.StopStrategyRequest, context: Any) -> pb.StrategyCommand:  # noqa: N802
        """STOP."""
        return await self._command("STOP", request, context)

    async def RestartStrategy(self, request: pb.RestartStrategyRequest, context: Any) -> pb.StrategyCommand:  # noqa: N802
        """RESTART."""
        return await self._command("RESTART", request, context)

    async def PauseStrategy(self, request: pb.PauseStrategyRequest, context: Any) -> pb.StrategyCommand:  # noqa: N802
        """PAUSE."""
        return await self._command("PAUSE", request, context)

    async def ResumeStrategy(self, request: pb.ResumeStrategyRequest, context: Any) -> pb.StrategyCommand:  # noqa: N802
        """RESUME."""
        return await self._command("RESUME", request, context)

    async def KillStrategy(self, request: pb.KillStrategyRequest, context: Any) -> pb.StrategyCommand:  # noqa: N802
        """KILL."""
        return await self._command("KILL", request, context)

    async def ReleaseStrategy(self, request: pb.ReleaseStrategyRequest, context: Any) -> pb.StrategyCommand:  # noqa: N802
        """RELEASE."""
        return await self._command("RELEASE", request, context)

    async def SignalStrategy(self, request: pb.SignalStrategyRequest, context: Any) -> pb.StrategyCommand:  # noqa: N802
        """SIGNAL."""
        if not request.HasField("signal"):
            raise InvalidArgumentError.field("signal", 'is missing; give an object such as {"action": "reduce"}')
        if request.signal.ByteSize() > _MAX_SIGNAL_BYTES:
            raise InvalidArgumentError.field(
                "signal", f"has more than {_MAX_SIGNAL_BYTES} bytes; tell where it is instead"
            )
        return await self._command("SIGNAL", request, context, payload={"signal": json_of(request.signal)})

    async def UpdateStrategyConfig(self, request: pb.UpdateStrategyConfigRequest, context: Any) -> pb.StrategyCommand:  # noqa: N802
        """UPDATE_CONFIG, with what a runner says of the new parameters."""
        async with self._database.session() as session:
            row = await configs.get(session, request.config_id, _visible_user())
            first = await idempotency.first_answer(
                session,
                caller=auth.principal().subject,
                method="UpdateStrategyConfig",
                request_id=idempotency.request_id_of(request, context),
                request=request,
                response_type=pb.StrategyCommand,
            )
        if first is not None:
            return first
        changes, mask = json_of(request.config), list(request.update_mask)
        settings = _settings_of(request)
        if not changes and not mask and not settings:
            raise InvalidArgumentError.field("config", "names no parameter to change")
        target = config_update.Target(row.module_path, row.class_name, row.config)
        try:
            examined = await config_update.examine(self._fleet.parameters, target, changes, mask)
        except NoRunnerError as e:
            request.request_id = idempotency.request_id_of(request, context)
            return await self._where_runners_are(e, "UpdateStrategyConfig", request, pb.StrategyCommand, context)
        payload = {"config": changes, "update_mask": mask, **settings, **examined.in_payload()}
        return await self._command("UPDATE_CONFIG", request, context, method="UpdateStrategyConfig", payload=payload)

    async def GetCommand(self, request: pb.GetCommandRequest, _context: Any) -> pb.StrategyCommand:  # noqa: N802
        """One command."""
        async with self._database.session() as session:
            return command_message(await command_log.get(session, request.command_id, _visible_user()))

    async def ListRuns(self, request: pb.ListRunsRequest, _context: Any) -> pb.ListRunsResponse:  # noqa: N802
        """Processes of one instance, newest first."""
        size = paging.page_size(request.page_size)
        before = _position(request.page_token)
        async with self._database.session() as session:
            await configs.get(session, request.config_id, _visible_user())
            rows = await history.runs(session, request.config_id, before, size + 1)
        return pb.ListRunsResponse(
            runs=map(run_message, rows[:size]), next_page_token=_next_token(rows, size, "run_id")
        )

    async def ListMetrics(self, request: pb.ListMetricsRequest, _context: Any) -> pb.ListMetricsResponse:  # noqa: N802
        """Values of one metric, newest first."""
        size = paging.page_size(request.page_size)
        before = _position(request.page_token)
        async with self._database.session() as session:
            await configs.get(session, request.config_id, _visible_user())
            rows = await history.metric_values(
                session, request.config_id, request.name, before[0] if before else None, size + 1
            )
        values = [pb.MetricValue(recorded_at=timestamp(row.recorded_at), value=row.value) for row in rows[:size]]
        token = paging.encode_token(rows[size - 1].recorded_at.isoformat(), "") if len(rows) > size else ""
        return pb.ListMetricsResponse(values=values, next_page_token=token)

    async def WatchStrategies(  # noqa: N802
        self, _request: pb.WatchStrategiesRequest, _context: Any
    ) -> AsyncIterator[pb.WatchStrategiesResponse]:
        """All, then changes, then the end in-band."""
        async for response in self._watch.follow(_visible_user()):
            yield response

    async def ListCommands(self, request: pb.ListCommandsRequest, _context: Any) -> pb.ListCommandsResponse:  # noqa: N802
        """Commands, newest first."""
        size = paging.page_size(request.page_size)
        before = _position(request.page_token)
        async with self._database.session() as session:
            rows = await command_log.list_page(session, request.config_id, _visible_user(), before, size + 1)
        return pb.ListCommandsResponse(
            commands=map(command_message, rows[:size]), next_page_token=_next_token(rows, size, "command_id")
        )

    async def _where_runners_are(
        self, error: NoRunnerError, name: str, request: Message, response_class: type[MessageT], context: Any
    ) -> MessageT:
        """The answer of an engine that has runners to ask; `error` where no other has."""
        address = await self._fleet.leadership.peer_with_runners() if self._peers.may_forward(context) else ""
        if not address:
            raise error
        return await self._peers.call(address, f"StrategyManager/{name}", request, response_class, context)

    async def _command(
        self, verb: str, request: Any, context: Any, *, method: str = "", payload: Mapping[str, object] | None = None
    ) -> pb.StrategyCommand:
        caller = auth.principal()
        asked: _CommandRequest = request
        async with self._database.session() as session:

            async def give() -> pb.StrategyCommand:
                row = await command_log.give(
                    session,
                    asked.config_id,
                    verb,
                    issuer=caller.subject,
                    reason=asked.reason,
                    user_id=_visible_user(),
                    payload=payload,
                )
                return command_message(row)

            response = await idempotency.once(
                session,
                caller=caller.subject,
                method=method or f"{verb.title()}Strategy",
                request_id=idempotency.request_id_of(request, context),
                request=request,
                response_type=pb.StrategyCommand,
                act=give,
            )
            await session.commit()
        return response


def _visible_user() -> str | None:
    """Whose rows the caller sees; None for everybody's."""
    caller = auth.principal()
    return None if caller.sees_everything else caller.subject


def _on_crash(value: int) -> str:
    """Its name; empty when it was not said."""
    name = pb.OnCrash.Name(value)
    return "" if value == pb.ON_CRASH_UNSPECIFIED else name.removeprefix("ON_CRASH_")


def _settings_of(request: pb.UpdateStrategyConfigRequest) -> dict[str, object]:
    """What a command's payload carries besides parameters; only what is to change."""
    settings: dict[str, object] = {}
    if on_crash := _on_crash(request.on_crash):
        settings["on_crash"] = on_crash
    if request.HasField("schedule"):
        settings["schedule"] = schedule_of(request.schedule)
    elif request.clear_schedule:
        settings["schedule"] = None
    return settings


def _position(token: str) -> tuple[datetime, str] | None:
    keys = paging.decode_token(token, 2)
    if keys is None:
        return None
    try:
        return datetime.fromisoformat(keys[0]), keys[1]
    except ValueError as e:
        raise InvalidArgumentError.field("page_token", "belongs to another list; start without one") from e


def _next_token(rows: Any, size: int, id_column: str) -> str:
    if len(rows) <= size:
        return ""
    last = rows[size - 1]
    return paging.encode_token(last.created_at.isoformat(), getattr(last, id_column))
