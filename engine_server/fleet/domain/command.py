"""What a command does to a configuration: one pure verdict per verb.

A generation is one wish: it grows with everything that must reach a process, and travels down as the directive's revision. The
process generation is the last of them that asked for a new process; what came after it reaches the one that runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

STOPPED, PENDING, STARTING, RUNNING, STOPPING, BACKOFF, FAILED, QUARANTINED, SCHEDULED = (
    "STOPPED",
    "PENDING",
    "STARTING",
    "RUNNING",
    "STOPPING",
    "BACKOFF",
    "FAILED",
    "QUARANTINED",
    "SCHEDULED",
)


@dataclass(frozen=True)
class Wish:
    """What is wanted of a configuration and what it does; `is_held`: a runner has it. `is_killed`: its end may not wait for on_stop."""

    desired_state: str
    state: str
    state_reason: str
    generation: int
    is_held: bool
    process_generation: int = 0
    is_paused: bool = False
    is_killed: bool = False
    is_off_schedule: bool = False
    pause_reason: str = ""


@dataclass(frozen=True)
class Verdict:
    """The configuration after the command, and where the command is: CLAIMED, DONE or FAILED, with its result."""

    wish: Wish
    status: str
    result: str = ""


def judge(verb: str, wish: Wish, reason: str = "") -> Verdict:
    """Apply `verb`, given for `reason`. (UPDATE_CONFIG changes parameters too: `judge_update`.)"""
    if verb in ("START", "RESTART") and wish.state == QUARANTINED:
        return Verdict(wish, "FAILED", f"it is quarantined ({wish.state_reason}): release it first")
    verdict = _pause(wish, reason) if verb == "PAUSE" else _VERDICTS[verb](wish)
    is_start = verb in ("START", "RESTART")
    return _when_its_hours_come(verdict) if is_start and wish.is_off_schedule and not wish.is_held else verdict


def judge_signal(wish: Wish, payload: Mapping[str, object]) -> Verdict:
    """Something to tell the process that runs now: once, and no other one."""
    if not isinstance(payload.get("signal"), dict):
        return Verdict(wish, "FAILED", 'payload: has no signal; write {"signal": {"action": "reduce"}}')
    if wish.desired_state != RUNNING or wish.state != RUNNING or not wish.is_held:
        return Verdict(wish, "FAILED", f"it was not told: it is {wish.state}, and only a strategy that runs is told")
    return Verdict(replace(wish, generation=wish.generation + 1), "CLAIMED")


def judge_update(wish: Wish, *, is_live: bool) -> Verdict:
    """Other parameters: into the process that runs if all of them are live, with a new process otherwise."""
    if wish.desired_state == STOPPED or not wish.is_held:
        return Verdict(wish, "DONE", "it has them when it starts next")
    if is_live:
        return Verdict(replace(wish, generation=wish.generation + 1), "CLAIMED")
    return Verdict(_run_anew(wish), "CLAIMED")


def _start(wish: Wish) -> Verdict:
    if wish.desired_state == RUNNING and wish.state == RUNNING:
        return Verdict(wish, "DONE", "it was running already")
    if wish.desired_state == RUNNING and wish.state != FAILED:
        return Verdict(wish, "CLAIMED")  # it is on its way: wait with it
    return Verdict(_run_anew(wish), "CLAIMED")


def _restart(wish: Wish) -> Verdict:
    return Verdict(_run_anew(wish), "CLAIMED")


def _when_its_hours_come(verdict: Verdict) -> Verdict:
    reason = verdict.wish.state_reason if verdict.wish.state == SCHEDULED else "its schedule has it off now"
    waiting = replace(verdict.wish, state=SCHEDULED, state_reason=reason)
    return Verdict(waiting, "DONE", "it starts when its schedule lets it")


def _stop(wish: Wish) -> Verdict:
    if not wish.is_held:
        return _without_process(wish)
    if wish.desired_state == STOPPED:
        return Verdict(wish, "CLAIMED")
    return Verdict(_ending(wish, "asked to stop"), "CLAIMED")


def _kill(wish: Wish) -> Verdict:
    if not wish.is_held:
        return _without_process(wish)
    if wish.is_killed:
        return Verdict(wish, "CLAIMED")
    return Verdict(replace(_ending(wish, "being killed"), is_killed=True), "CLAIMED")


def _pause(wish: Wish, reason: str) -> Verdict:
    if not wish.is_paused:
        paused = replace(wish, is_paused=True, pause_reason=reason)
        return _told(paused, at_rest="it takes no entries when it runs")
    # Who resumes it must have read every reason.
    reasons = [wish.pause_reason] if reason in wish.pause_reason else [wish.pause_reason, reason]
    return Verdict(replace(wish, pause_reason="; ".join(filter(None, reasons))), "DONE", "it was paused already")


def _resume(wish: Wish) -> Verdict:
    if not wish.is_paused:
        return Verdict(wish, "DONE", "it was not paused")
    return _told(replace(wish, is_paused=False, pause_reason=""), at_rest="it may enter when it runs")


def _release(wish: Wish) -> Verdict:
    if wish.state != QUARANTINED:
        return Verdict(wish, "FAILED", f"it is not quarantined, it is {wish.state}")
    freed = replace(wish, desired_state=STOPPED, state=STOPPED, state_reason="", generation=wish.generation + 1)
    return Verdict(freed, "DONE", "released; start it when it is mended")


_VERDICTS: dict[str, Callable[[Wish], Verdict]] = {
    "START": _start,
    "STOP": _stop,
    "RESTART": _restart,
    "RESUME": _resume,
    "KILL": _kill,
    "RELEASE": _release,
}


def _without_process(wish: Wish) -> Verdict:
    if wish.state == QUARANTINED:
        return Verdict(wish, "DONE", "it is quarantined and has no process")
    was_stopped = wish.desired_state == STOPPED and wish.state == STOPPED
    stopped = replace(wish, desired_state=STOPPED, state=STOPPED, state_reason="")
    if was_stopped:
        return Verdict(stopped, "DONE", "it was stopped already")
    return Verdict(replace(stopped, generation=wish.generation + 1), "DONE", "it had no process")


def _told(changed: Wish, *, at_rest: str) -> Verdict:
    """Entries are denied from the commit on; the command is done when the process's runner denies them too."""
    if changed.desired_state == STOPPED or not changed.is_held:
        return Verdict(changed, "DONE", at_rest)
    return Verdict(replace(changed, generation=changed.generation + 1), "CLAIMED")


def _ending(wish: Wish, reason: str) -> Wish:
    return replace(
        wish, desired_state=STOPPED, state=STOPPING, state_reason=reason, generation=wish.generation + 1
    )  # fmt: skip


def _run_anew(wish: Wish) -> Wish:
    state, reason = (STARTING, "its runner was told") if wish.is_held else (PENDING, "waits for a runner")
    generation = wish.generation + 1
    return replace(
        wish, desired_state=RUNNING, state=state, state_reason=reason, generation=generation,
        process_generation=generation, is_killed=False,
    )  # fmt: skip
