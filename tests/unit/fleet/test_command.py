"""What commands do to a configuration."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine_server.fleet.domain.command import Wish, judge

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


@pytest.mark.parametrize("verb", ["PAUSE", "RESUME", "UPDATE_CONFIG", "KILL"])
def test_a_verb_that_is_not_there_yet_fails_and_says_so(verb: str) -> None:
    before = wish("RUNNING", "RUNNING", held=True)
    verdict = judge(verb, before)
    assert verdict.status == "FAILED"
    assert verdict.result.startswith(f"{verb} is not there yet")
    assert verdict.wish == before


@given(
    st.sampled_from(["START", "STOP", "RESTART", "PAUSE"]),
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
    asked = {"START": "RUNNING", "RESTART": "RUNNING", "STOP": "STOPPED"}.get(verb, desired)
    assert verdict.wish.desired_state == asked
    assert verdict.wish.is_held == held
