"""What commands do to a configuration."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine_server.fleet.domain.command import Verdict, Wish, judge, judge_signal, judge_update

STATES = ["STOPPED", "PENDING", "STARTING", "RUNNING", "STOPPING", "BACKOFF", "FAILED"]


def wish(desired: str, state: str, *, held: bool = False, generation: int = 3) -> Wish:
    return Wish(desired, state, "", generation, held)


def test_start_of_a_stopped_one_waits_for_a_runner_under_a_new_generation() -> None:
    verdict = judge("START", wish("STOPPED", "STOPPED"))
    assert verdict.status == "CLAIMED"
    assert (verdict.wish.desired_state, verdict.wish.state, verdict.wish.generation) == ("RUNNING", "PENDING", 4)


def test_start_of_a_running_one_is_done_at_once_and_changes_nothing() -> None:
    before = wish("RUNNING", "RUNNING", held=True)
    verdict = judge("START", before)
    assert (verdict.status, verdict.result) == ("DONE", "it was running already")
    assert verdict.wish == before


@pytest.mark.parametrize("state", ["PENDING", "STARTING", "BACKOFF"])
def test_start_of_one_on_its_way_waits_with_it(state: str) -> None:
    before = wish("RUNNING", state, held=state != "PENDING")
    verdict = judge("START", before)
    assert verdict.status == "CLAIMED"
    assert verdict.wish == before


def test_start_of_a_failed_one_tries_again() -> None:
    verdict = judge("START", wish("RUNNING", "FAILED"))
    assert (verdict.status, verdict.wish.state, verdict.wish.generation) == ("CLAIMED", "PENDING", 4)


def test_start_during_a_stop_runs_anew_where_it_is() -> None:
    verdict = judge("START", wish("STOPPED", "STOPPING", held=True))
    assert (verdict.wish.desired_state, verdict.wish.state, verdict.wish.generation) == ("RUNNING", "STARTING", 4)


def test_stop_of_a_held_one_waits_for_its_runner() -> None:
    verdict = judge("STOP", wish("RUNNING", "RUNNING", held=True))
    assert (verdict.status, verdict.wish.desired_state, verdict.wish.state) == ("CLAIMED", "STOPPED", "STOPPING")
    assert verdict.wish.generation == 4


def test_stop_of_a_stopped_one_is_done_at_once() -> None:
    before = wish("STOPPED", "STOPPED")
    verdict = judge("STOP", before)
    assert (verdict.status, verdict.result, verdict.wish) == ("DONE", "it was stopped already", before)


@pytest.mark.parametrize("state", ["PENDING", "FAILED", "BACKOFF"])
def test_stop_of_one_that_nobody_holds_is_done_at_once(state: str) -> None:
    verdict = judge("STOP", wish("RUNNING", state))
    assert (verdict.status, verdict.wish.state, verdict.wish.desired_state) == ("DONE", "STOPPED", "STOPPED")


def test_a_second_stop_waits_with_the_first() -> None:
    verdict = judge("STOP", wish("STOPPED", "STOPPING", held=True))
    assert (verdict.status, verdict.wish.generation) == ("CLAIMED", 3)


def test_restart_is_a_new_generation_where_it_is() -> None:
    verdict = judge("RESTART", wish("RUNNING", "RUNNING", held=True))
    assert (verdict.status, verdict.wish.state, verdict.wish.generation) == ("CLAIMED", "STARTING", 4)


def test_restart_asks_for_a_new_process_and_pause_for_none() -> None:
    assert judge("RESTART", wish("RUNNING", "RUNNING", held=True)).wish.process_generation == 4
    paused = judge("PAUSE", replace(wish("RUNNING", "RUNNING", held=True), process_generation=3))
    assert (paused.status, paused.wish.is_paused) == ("CLAIMED", True)
    assert (paused.wish.generation, paused.wish.process_generation, paused.wish.state) == (4, 3, "RUNNING")


def test_a_pause_outlives_a_stop_and_a_start() -> None:
    paused = judge("PAUSE", wish("STOPPED", "STOPPED"))
    assert (paused.status, paused.wish.is_paused) == ("DONE", True)
    stopped = judge("STOP", judge("START", paused.wish).wish)
    assert stopped.wish.is_paused
    assert not judge("RESUME", stopped.wish).wish.is_paused


def test_every_reason_of_a_pause_is_kept_until_it_is_resumed() -> None:
    paused = judge("PAUSE", wish("STOPPED", "STOPPED"), "lunch").wish
    assert paused.pause_reason == "lunch"
    twice = judge("PAUSE", judge("PAUSE", paused, "NSE:XYZ-EQ is gone").wish, "lunch")
    assert (twice.status, twice.wish.pause_reason) == ("DONE", "lunch; NSE:XYZ-EQ is gone")
    assert judge("PAUSE", judge("PAUSE", wish("STOPPED", "STOPPED")).wish, "late").wish.pause_reason == "late"
    assert judge("RESUME", twice.wish).wish.pause_reason == ""


@pytest.mark.parametrize(("verb", "is_paused"), [("PAUSE", True), ("RESUME", False)])
def test_what_is_so_already_is_done_at_once(verb: str, is_paused: bool) -> None:
    before = replace(wish("RUNNING", "RUNNING", held=True), is_paused=is_paused)
    verdict = judge(verb, before)
    assert (verdict.status, verdict.wish) == ("DONE", before)


def test_kill_wins_over_a_stop_on_its_way_and_a_start_forgets_it() -> None:
    stopping = judge("STOP", wish("RUNNING", "RUNNING", held=True)).wish
    killed = judge("KILL", stopping)
    assert (killed.status, killed.wish.is_killed, killed.wish.generation) == ("CLAIMED", True, 5)
    assert judge("KILL", killed.wish).wish == killed.wish
    assert not judge("START", killed.wish).wish.is_killed


@pytest.mark.parametrize("verb", ["START", "RESTART"])
def test_a_quarantined_one_is_released_before_it_is_started(verb: str) -> None:
    quarantined = wish("RUNNING", "QUARANTINED")
    verdict = judge(verb, quarantined)
    assert (verdict.status, verdict.wish) == ("FAILED", quarantined)
    released = judge("RELEASE", quarantined)
    assert (released.status, released.wish.desired_state, released.wish.state) == ("DONE", "STOPPED", "STOPPED")
    assert judge(verb, released.wish).status == "CLAIMED"


@pytest.mark.parametrize("verb", ["STOP", "KILL"])
def test_a_stop_does_not_lift_a_quarantine(verb: str) -> None:
    quarantined = wish("RUNNING", "QUARANTINED")
    verdict = judge(verb, quarantined)
    assert (verdict.status, verdict.wish) == ("DONE", quarantined)


def test_release_of_what_is_not_quarantined_fails() -> None:
    assert judge("RELEASE", wish("RUNNING", "RUNNING", held=True)).status == "FAILED"


@pytest.mark.parametrize(("live", "process_generation"), [(True, 0), (False, 4)])
def test_parameters_reach_a_running_process_if_they_are_live(live: bool, process_generation: int) -> None:
    verdict = judge_update(wish("RUNNING", "RUNNING", held=True), is_live=live)
    assert (verdict.status, verdict.wish.generation) == ("CLAIMED", 4)
    assert verdict.wish.process_generation == process_generation


def test_a_signal_reaches_the_process_that_runs_and_asks_for_no_other() -> None:
    before = wish("RUNNING", "RUNNING", held=True)
    verdict = judge_signal(before, {"signal": {"action": "reduce"}})
    assert (verdict.status, verdict.wish) == ("CLAIMED", replace(before, generation=4))


@pytest.mark.parametrize("state", [state for state in STATES if state != "RUNNING"])
def test_a_signal_waits_for_no_process(state: str) -> None:
    before = wish("RUNNING", state, held=True)
    verdict = judge_signal(before, {"signal": {}})
    assert (verdict.status, verdict.wish) == ("FAILED", before)
    assert state in verdict.result


@pytest.mark.parametrize("payload", [{}, {"signal": 3}, {"signal": None}])
def test_a_signal_without_an_object_is_refused_with_one(payload: dict[str, object]) -> None:
    verdict = judge_signal(wish("RUNNING", "RUNNING", held=True), payload)
    assert (verdict.status, verdict.result[:8]) == ("FAILED", "payload:")


def test_parameters_of_one_that_does_not_run_wait_for_its_next_start() -> None:
    before = wish("STOPPED", "STOPPED")
    assert judge_update(before, is_live=False) == Verdict(before, "DONE", "it has them when it starts next")


@given(
    st.sampled_from(["START", "STOP", "RESTART", "PAUSE", "RESUME", "KILL"]),
    st.sampled_from(["STOPPED", "RUNNING"]),
    st.sampled_from(STATES),
    st.booleans(),
)
def test_generations_never_fall_and_what_is_wanted_is_what_was_asked(
    verb: str, desired: str, state: str, held: bool
) -> None:
    before = wish(desired, state, held=held)
    verdict = judge(verb, before)
    assert verdict.wish.generation >= before.generation
    asked = {"START": "RUNNING", "RESTART": "RUNNING", "STOP": "STOPPED", "KILL": "STOPPED"}.get(verb, desired)
    assert verdict.wish.desired_state == asked
    assert verdict.wish.is_held == held
