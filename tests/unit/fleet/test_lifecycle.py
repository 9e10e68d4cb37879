"""What a runner's report does to a strategy."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from engine_server.fleet.domain.command import Wish
from engine_server.fleet.domain.crashes import CrashBudget, CrashRecord
from engine_server.fleet.domain.lifecycle import Consequence, Event, StrategyReport, run_outcome, summary_line
from engine_server.fleet.domain.lifecycle import consequence as consequence_of

TRACEBACK = "Traceback (most recent call last):\n  File ...\nZeroDivisionError: division by zero\n"


def report(event: Event, *, revision: int = 3, detail: str = "", retry_at: datetime | None = None) -> StrategyReport:
    return StrategyReport("a", 1, revision, event, 4711, detail, "hash", retry_at)


def wish(desired: str = "RUNNING", state: str = "STARTING", generation: int = 3) -> Wish:
    return Wish(desired, state, "", generation, is_held=True)


def consequence(report: StrategyReport, wish: Wish, *, crashes: int = 1, on_crash: str = "RESUME") -> Consequence:
    return consequence_of(report, wish, CrashRecord(crashes, CrashBudget(crashes=3, window_seconds=600), on_crash))


def test_running_ends_the_command_and_tells_the_user() -> None:
    result = consequence(report(Event.RUNNING), wish())
    assert (result.state, result.command_status, result.notification) == ("RUNNING", "DONE", "STRATEGY_STARTED")
    assert not result.is_released


def test_running_again_tells_nobody() -> None:
    assert consequence(report(Event.RUNNING), wish(state="RUNNING")).notification is None


def test_stopped_as_asked_releases_it() -> None:
    result = consequence(report(Event.STOPPED), wish("STOPPED", "STOPPING"))
    assert (result.state, result.is_released, result.command_status) == ("STOPPED", True, "DONE")
    assert result.notification == "STRATEGY_STOPPED"


def test_stopped_with_its_runner_is_not_a_stop() -> None:
    result = consequence(report(Event.STOPPED), wish(state="RUNNING"))
    assert (result.state, result.is_released, result.notification) == ("PENDING", False, None)


@pytest.mark.parametrize(
    ("wanted", "outcome"),
    [
        (wish(state="RUNNING"), "MOVED"),
        (wish("STOPPED", "STOPPING"), "STOPPED"),
        (wish(generation=4), "STOPPED"),  # a newer wish replaces the process
        (replace(wish(), is_off_schedule=True), "STOPPED"),
    ],
)
def test_a_stop_that_nobody_wants_is_a_move(wanted: Wish, outcome: str) -> None:
    assert run_outcome(report(Event.STOPPED), wanted) == outcome
    assert run_outcome(report(Event.CRASHED), wanted) == "CRASHED"
    assert run_outcome(report(Event.RUNNING), wanted) is None


def test_a_crash_says_what_happened_and_when_it_starts_again() -> None:
    retry_at = datetime(2026, 11, 23, 4, 0, 1, tzinfo=UTC)
    result = consequence(report(Event.CRASHED, detail=TRACEBACK, retry_at=retry_at), wish(state="RUNNING"))
    assert result.state == "BACKOFF"
    assert result.state_reason == "crashed: ZeroDivisionError: division by zero; starts again at 09:30:01 IST"
    assert result.notification == "STRATEGY_CRASHED"
    assert result.command_status is None


def test_the_last_crash_of_the_budget_quarantines_it() -> None:
    crashed = report(Event.CRASHED, detail=TRACEBACK)
    assert consequence(crashed, wish(state="RUNNING"), crashes=2).state == "BACKOFF"
    result = consequence(crashed, wish(state="RUNNING"), crashes=3)
    assert (result.state, result.is_released, result.command_status) == ("QUARANTINED", True, "FAILED")
    assert result.state_reason == ("crashed 3 times within 10 min; the last: ZeroDivisionError: division by zero")
    assert result.notification == "STRATEGY_QUARANTINED"


@pytest.mark.parametrize("on_crash", ["LEAVE_OPEN", "SQUARE_OFF"])
def test_one_that_may_not_go_on_after_a_crash_is_quarantined_by_the_first(on_crash: str) -> None:
    result = consequence(report(Event.CRASHED, detail="boom"), wish(state="RUNNING"), on_crash=on_crash)
    assert (result.state, result.is_released) == ("QUARANTINED", True)
    assert on_crash in result.state_reason


@pytest.mark.parametrize("event", [Event.CRASHED, Event.FAILED])
def test_a_crash_during_a_stop_is_a_stop(event: Event) -> None:
    result = consequence(report(event, detail="boom"), wish("STOPPED", "STOPPING"))
    assert (result.state, result.is_released, result.command_status) == ("STOPPED", True, "DONE")
    assert "boom" in result.command_result


def test_one_that_cannot_be_started_fails_its_command_with_the_reason() -> None:
    result = consequence(report(Event.FAILED, detail="no module named x"), wish())
    assert (result.state, result.command_status, result.command_result) == ("FAILED", "FAILED", "no module named x")
    assert result.is_released
    assert result.notification == "STRATEGY_FAILED"


@pytest.mark.parametrize("event", list(Event))
def test_a_report_on_an_older_wish_changes_no_state(event: Event) -> None:
    result = consequence(report(event, revision=2), wish())
    assert (result.state, result.is_released, result.command_status) == (None, False, None)


@pytest.mark.parametrize("event", [Event.STARTING, Event.RUNNING])
def test_one_that_shall_stop_does_not_go_back_to_running(event: Event) -> None:
    assert consequence(report(event), wish("STOPPED", "STOPPING")).state is None


def test_a_traceback_is_told_by_its_last_line() -> None:
    assert summary_line(TRACEBACK) == "ZeroDivisionError: division by zero"
    assert summary_line(" \n") == ""
