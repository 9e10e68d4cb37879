"""What a runner's report does to a strategy: one table, one function."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from engine_server.fleet.domain.command import (
    BACKOFF,
    FAILED,
    PENDING,
    QUARANTINED,
    RUNNING,
    SCHEDULED,
    STARTING,
    STOPPED,
    Wish,
)
from engine_server.fleet.domain.crashes import CrashRecord, quarantine_reason
from tradewinds.clock import ist


class Event(StrEnum):
    """What can happen to a strategy's process."""

    STARTING = "STARTING"
    RUNNING = "RUNNING"
    STOPPED = "STOPPED"
    CRASHED = "CRASHED"
    FAILED = "FAILED"


@dataclass(frozen=True)
class StrategyReport:
    """A runner's word on one strategy process. `retry_at` (real time) where it will be started again."""

    config_id: str
    epoch: int
    revision: int
    event: Event
    process_id: int
    detail: str = ""
    code_hash: str = ""
    retry_at: datetime | None = None


@dataclass(frozen=True)
class Consequence:
    """What follows from a report.

    `state` None leaves the state as it is. `is_released`: nobody holds the strategy any more. `command_status`: how the
    unfinished command of the strategy ends, if it does. `notification`: the type to tell its user, if any.
    """

    state: str | None = None
    state_reason: str = ""
    is_released: bool = False
    command_status: str | None = None
    command_result: str = ""
    notification: str | None = None


_RUN_OUTCOME = {Event.STOPPED: "STOPPED", Event.CRASHED: "CRASHED", Event.FAILED: "CRASHED"}


def run_outcome(report: StrategyReport, wish: Wish) -> str | None:
    """How a report ends the run of its process; None for STARTING and RUNNING, which open it. A stop that nobody wants is a move: its
    runner is going."""
    is_wanted = wish.desired_state == RUNNING and not wish.is_off_schedule and report.revision >= wish.generation
    if report.event is Event.STOPPED and is_wanted:
        return "MOVED"
    return _RUN_OUTCOME.get(report.event)


def consequence(report: StrategyReport, wish: Wish, crashes: CrashRecord) -> Consequence:
    """What `report` changes, given what is wanted now and how often it has crashed (this time counted). A report on an older wish ends
    its process's run and no more."""
    is_stale = report.revision < wish.generation
    if is_stale:
        return Consequence(notification="STRATEGY_CRASHED" if report.event is Event.CRASHED else None)
    if wish.desired_state == STOPPED:
        return _while_stopping(report)
    if wish.is_off_schedule:
        return _while_off_schedule(report, wish)
    return _while_wanted(report, wish, crashes)


def _while_off_schedule(report: StrategyReport, wish: Wish) -> Consequence:
    """Its hours are over: that is no stop, and nobody is told."""
    if report.event in (Event.STARTING, Event.RUNNING):
        return Consequence()
    result = "it starts when its schedule lets it"
    return Consequence(SCHEDULED, wish.state_reason, is_released=True, command_status="DONE", command_result=result)


def _while_stopping(report: StrategyReport) -> Consequence:
    if report.event in (Event.STARTING, Event.RUNNING):
        return Consequence()  # said before it heard of the stop; its STOPPED follows
    if report.event is Event.STOPPED:
        result = f"stopped: {report.detail}" if report.detail else "stopped"
    else:
        result = f"stopped; its process {report.event.lower()} on the way: {summary_line(report.detail)}"
    return Consequence(
        STOPPED, "", is_released=True, command_status="DONE", command_result=result, notification="STRATEGY_STOPPED"
    )


def _while_wanted(report: StrategyReport, wish: Wish, crashes: CrashRecord) -> Consequence:
    if report.event is Event.STARTING:
        return Consequence(STARTING, f"process {report.process_id} runs on_start")
    if report.event is Event.RUNNING:
        notification = None if wish.state == RUNNING else "STRATEGY_STARTED"
        result = f"running in process {report.process_id}"
        return Consequence(RUNNING, "", command_status="DONE", command_result=result, notification=notification)
    if report.event is Event.STOPPED:
        # Its runner is going: scaling is not a stop, nobody is told. Goodbye releases it; else it is started again there.
        return Consequence(PENDING, f"its process ended with its runner{_colon(report.detail)}")
    if report.event is Event.CRASHED:
        return _after_crash(report, crashes)
    reason = report.detail or "its runner cannot start it"
    return Consequence(
        FAILED,
        reason,
        is_released=True,
        command_status="FAILED",
        command_result=reason,
        notification="STRATEGY_FAILED",
    )


def _after_crash(report: StrategyReport, crashes: CrashRecord) -> Consequence:
    why = quarantine_reason(crashes)
    if not why:
        return Consequence(BACKOFF, crash_reason(report), notification="STRATEGY_CRASHED")
    reason = f"{why}; the last: {summary_line(report.detail) or 'no reason given'}"
    return Consequence(
        QUARANTINED,
        reason,
        is_released=True,
        command_status="FAILED",
        command_result=reason,
        notification="STRATEGY_QUARANTINED",
    )


def crash_reason(report: StrategyReport) -> str:
    """For a person: the exception, and when the process is started again."""
    again = f"; starts again at {ist(report.retry_at):%H:%M:%S} IST" if report.retry_at else ""
    return f"crashed: {summary_line(report.detail) or 'no reason given'}{again}"


def summary_line(detail: str) -> str:
    """What a traceback comes down to: its last line; of other texts too."""
    lines = [line for line in detail.strip().splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""


def _colon(detail: str) -> str:
    return f": {detail}" if detail else ""
