"""The session's messages from proto to what the fleet knows, with texts that PostgreSQL can keep."""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf import timestamp_pb2

from engine_server.fleet.checkpoints import Checkpoint, parse_state
from engine_server.fleet.domain.lifecycle import Event, StrategyReport
from engine_server.fleet.inspection import Inspected
from engine_server.fleet.leases import RunnerIdentity
from engine_server.fleet.logbook import LogLine
from engine_server.fleet.metrics import Metric
from engine_server.fleet.session.parameters import json_of
from engine_server.fleet.strategy_messages import MarketWish, Message
from tradewinds.errors import InvalidArgumentError
from tradewinds.v1 import strategy_runner_pb2 as pb

_EVENTS = {
    pb.STRATEGY_EVENT_STARTING: Event.STARTING,
    pb.STRATEGY_EVENT_RUNNING: Event.RUNNING,
    pb.STRATEGY_EVENT_STOPPED: Event.STOPPED,
    pb.STRATEGY_EVENT_CRASHED: Event.CRASHED,
    pb.STRATEGY_EVENT_FAILED: Event.FAILED,
}
_TEXT_LIMIT = 20_000


def identity_of(register: pb.Register) -> RunnerIdentity:
    """Who registers; raises `InvalidArgumentError` naming the field."""
    for name in ("runner_id", "instance_id"):
        if not getattr(register, name):
            raise InvalidArgumentError.field(
                f"register.{name}", "is empty; a runner has a stable name and an id per process"
            )
    if register.capacity < 1:
        raise InvalidArgumentError.field(
            "register.capacity", f"is {register.capacity}; a runner takes at least one strategy (RUNNER_CAPACITY)"
        )
    return RunnerIdentity(
        storable(register.runner_id), storable(register.instance_id), register.capacity, storable(register.build)
    )


def report_of(message: pb.StrategyReport) -> StrategyReport:
    """A report; raises `InvalidArgumentError` for an event that does not exist."""
    if message.event not in _EVENTS:
        raise InvalidArgumentError.field("strategy_report.event", f"{message.event} is not an event")
    return StrategyReport(
        config_id=message.config_id,
        epoch=message.epoch,
        revision=message.revision,
        event=_EVENTS[message.event],
        process_id=message.process_id,
        detail=storable(message.detail),
        code_hash=storable(message.code_hash),
        retry_at=moment(message.retry_at) if message.HasField("retry_at") else None,
    )


def checkpoint_of(message: pb.Checkpoint) -> Checkpoint:
    """A checkpoint; raises `ValueError` for a state that cannot be kept."""
    return Checkpoint(message.config_id, message.epoch, message.last_event_sequence, parse_state(message.state_json))


def metric_of(message: pb.StrategyMetric) -> Metric:
    """One metric."""
    return Metric(message.config_id, storable(message.name), moment(message.recorded_at), message.value)


def log_lines_of(message: pb.StrategyLogBatch) -> list[LogLine]:
    """What a strategy printed, and what happened to its process."""
    return [LogLine(line.written_at.ToMilliseconds(), line.source, line.text[:_TEXT_LIMIT]) for line in message.lines]


def message_of(message: pb.StrategyNotification, fallback_key: str) -> Message:
    """A message to the strategy's user; without a dedupe key of its own each is another."""
    return Message(
        message.config_id,
        message.epoch,
        storable(message.title),
        storable(message.text),
        storable(message.dedupe_key) or fallback_key,
    )


def wish_of(message: pb.Subscriptions) -> MarketWish:
    """The instruments that a strategy wants."""
    return MarketWish(message.config_id, message.epoch, tuple(storable(key) for key in message.instruments))


def inspected_of(message: pb.InspectResult) -> Inspected:
    """The answer to Inspect."""
    return Inspected(
        error=message.error,
        error_field=message.error_field,
        config=json_of(message.config),
        params_schema=json_of(message.params_schema),
        description=storable(message.description),
        code_hash=storable(message.code_hash),
    )


def moment(stamp: timestamp_pb2.Timestamp) -> datetime:
    """A proto time as UTC."""
    return stamp.ToDatetime(tzinfo=UTC)


def storable(text: str) -> str:
    """PostgreSQL's text has no NUL; a strategy's traceback may. What is endless is cut at the front: the end says what happened."""
    return text[-_TEXT_LIMIT:].replace("\x00", "�")
