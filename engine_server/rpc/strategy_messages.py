"""StrategyManager's messages from rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from google.protobuf import timestamp_pb2

from engine_server.fleet.domain.schedule import stored
from engine_server.fleet.schedules import parse_schedule
from engine_server.fleet.session.parameters import struct_of
from tradewinds.v1 import strategy_manager_pb2 as pb


def config_message(row: Any, metrics: Mapping[str, float]) -> pb.StrategyConfig:
    """A configured instance."""
    return pb.StrategyConfig(
        config_id=row.config_id,
        user_id=row.user_id,
        account_id=row.account_id,
        module_path=row.module_path,
        class_name=row.class_name,
        config=struct_of(row.config),
        desired_state=f"DESIRED_STATE_{row.desired_state}",
        state=f"STRATEGY_STATE_{row.state}",
        state_reason=row.state_reason,
        runner_id=row.runner_id,
        epoch=row.epoch,
        process_id=row.process_id,
        heartbeat_at=timestamp(row.heartbeat_at),
        created_at=timestamp(row.created_at),
        updated_at=timestamp(row.updated_at),
        metrics=metrics,
        crash_count=row.crash_count,
        paused=row.is_paused,
        pause_reason=row.pause_reason,
        running_code_hash=row.running_code_hash,
        on_crash=f"ON_CRASH_{row.on_crash}",
        schedule=_schedule_message(row.schedule) if row.schedule else None,
        flatten_because=row.flatten_because,
    )


def command_message(row: Any) -> pb.StrategyCommand:
    """A command."""
    return pb.StrategyCommand(
        command_id=row.command_id,
        config_id=row.config_id,
        verb=f"COMMAND_VERB_{row.verb}",
        issuer=row.issuer,
        reason=row.reason,
        status=f"COMMAND_STATUS_{row.status}",
        result=row.result,
        created_at=timestamp(row.created_at),
        completed_at=timestamp(row.completed_at),
        claimed_at=timestamp(row.claimed_at),
        expires_at=timestamp(row.expires_at),
        attempts=row.attempts,
    )


def _schedule_message(kept: Mapping[str, Any]) -> pb.Schedule:
    phases, minutes = kept.get("phases") or ["CONTINUOUS"], kept.get("square_off_minutes")
    return pb.Schedule(segment=kept.get("segment"), phases=phases, square_off_minutes=minutes)


def schedule_of(message: pb.Schedule) -> dict[str, object]:
    """As it is stored; raises `InvalidArgumentError` naming the field."""
    minutes = message.square_off_minutes if message.HasField("square_off_minutes") else None
    asked = {"segment": message.segment, "phases": list(message.phases), "square_off_minutes": minutes}
    return stored(parse_schedule(asked))


def run_message(row: Any) -> pb.StrategyRun:
    """A process."""
    return pb.StrategyRun(
        run_id=row.run_id,
        config_id=row.config_id,
        epoch=row.epoch,
        runner_id=row.runner_id,
        process_id=row.pid,
        code_hash=row.code_hash,
        started_at=timestamp(row.created_at),
        ended_at=timestamp(row.ended_at),
        outcome=row.outcome,
        detail=row.detail,
    )


def class_message(row: Any) -> pb.Strategy:
    """A registered class."""
    return pb.Strategy(
        module_path=row.module_path,
        class_name=row.class_name,
        params_schema=struct_of(row.params_schema),
        description=row.description,
        code_hash=row.code_hash,
        registered_at=timestamp(row.registered_at),
    )


def timestamp(moment: datetime | None) -> timestamp_pb2.Timestamp | None:
    """A time, or none."""
    if moment is None:
        return None
    stamp = timestamp_pb2.Timestamp()
    stamp.FromDatetime(moment)
    return stamp
