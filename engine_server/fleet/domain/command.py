"""What a command does to a configuration: one pure verdict per verb.

A generation is one wish: it grows with everything that must reach a process (start, stop, restart), and travels down as
the directive's revision.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

STOPPED, PENDING, STARTING, RUNNING, STOPPING, BACKOFF, FAILED = (
    "STOPPED",
    "PENDING",
    "STARTING",
    "RUNNING",
    "STOPPING",
    "BACKOFF",
    "FAILED",
)


@dataclass(frozen=True)
class Wish:
    """What is wanted of a configuration and what it does; `is_held`: a runner has it."""

    desired_state: str
    state: str
    state_reason: str
    generation: int
    is_held: bool


@dataclass(frozen=True)
class Verdict:
    """The configuration after the command, and where the command is: CLAIMED, DONE or FAILED, with its result."""

    wish: Wish
    status: str
    result: str = ""


def judge(verb: str, wish: Wish) -> Verdict:
    """Apply `verb`. A verb that is not there yet fails and changes nothing."""
    if verb == "START":
        return _start(wish)
    if verb == "STOP":
        return _stop(wish)
    if verb == "RESTART":
        return Verdict(_run_anew(wish), "CLAIMED")
    return Verdict(wish, "FAILED", f"{verb} is not there yet; START, STOP and RESTART are")


def _start(wish: Wish) -> Verdict:
    if wish.desired_state == RUNNING and wish.state == RUNNING:
        return Verdict(wish, "DONE", "it was running already")
    if wish.desired_state == RUNNING and wish.state != FAILED:
        return Verdict(wish, "CLAIMED")  # it is on its way: wait with it
    return Verdict(_run_anew(wish), "CLAIMED")


def _stop(wish: Wish) -> Verdict:
    if not wish.is_held:
        was_stopped = wish.desired_state == STOPPED and wish.state == STOPPED
        stopped = replace(wish, desired_state=STOPPED, state=STOPPED, state_reason="")
        if was_stopped:
            return Verdict(stopped, "DONE", "it was stopped already")
        return Verdict(replace(stopped, generation=wish.generation + 1), "DONE", "it had no process")
    if wish.desired_state == STOPPED:
        return Verdict(wish, "CLAIMED")
    return Verdict(
        replace(
            wish, desired_state=STOPPED, state=STOPPING, state_reason="asked to stop", generation=wish.generation + 1
        ),
        "CLAIMED",
    )


def _run_anew(wish: Wish) -> Wish:
    state, reason = (STARTING, "its runner was told") if wish.is_held else (PENDING, "waits for a runner")
    return replace(wish, desired_state=RUNNING, state=state, state_reason=reason, generation=wish.generation + 1)
