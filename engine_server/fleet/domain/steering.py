"""Level-triggered directives: what a session must be told, from what shall be and what its runner has said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Desired:
    """What shall be with one strategy at one runner instance."""

    config_id: str
    instance_id: str
    epoch: int
    revision: int
    run: bool
    kill: bool = False


@dataclass
class Held:
    """What a session knows of one strategy at its runner: the directive that it follows or was last sent.

    `is_reported`: the runner has spoken of this (epoch, revision). `sent_at`: monotonic, None when it told us itself.
    `process_id`: 0 while no process was reported, `ENDED` after the end of one. `resume_after`: the last order event that the
    runner had taken when it came back.
    """

    epoch: int
    revision: int
    is_reported: bool = False
    sent_at: float | None = None
    process_id: int = 0
    resume_after: int | None = None


ENDED = -1


@dataclass(frozen=True)
class Due:
    """Directives to send now, and strategies that the runner must give up."""

    directives: tuple[Desired, ...]
    superseded: tuple[str, ...]


def due(desired: Iterable[Desired], held: Mapping[str, Held], *, now: float, resend_seconds: float) -> Due:
    """What is new is said at once, what was not answered again after `resend_seconds`, what is gone is superseded."""
    wanted = {one.config_id: one for one in desired}
    return Due(
        tuple(one for one in wanted.values() if _must_say(one, held.get(one.config_id), now, resend_seconds)),
        tuple(config_id for config_id in held if config_id not in wanted),
    )


def _must_say(desired: Desired, held: Held | None, now: float, resend_seconds: float) -> bool:
    if held is None or (held.epoch, held.revision) != (desired.epoch, desired.revision):
        return True
    if held.is_reported:
        return False
    return held.sent_at is None or now - held.sent_at >= resend_seconds
