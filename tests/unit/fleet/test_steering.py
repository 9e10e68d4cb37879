"""Level-triggered directives."""

from __future__ import annotations

from engine_server.fleet.domain.steering import Desired, Held, due


def desired(config_id: str = "a", *, epoch: int = 1, revision: int = 1, run: bool = True) -> Desired:
    return Desired(config_id, "process", epoch, revision, run)


def test_what_is_new_is_said_at_once() -> None:
    assert due([desired()], {}, now=0, resend_seconds=1).directives == (desired(),)


def test_what_was_not_answered_is_said_again_after_a_while() -> None:
    held = {"a": Held(1, 1, sent_at=10.0)}
    assert due([desired()], held, now=10.9, resend_seconds=1).directives == ()
    assert due([desired()], held, now=11.0, resend_seconds=1).directives == (desired(),)


def test_what_was_answered_is_not_said_again() -> None:
    held = {"a": Held(1, 1, is_reported=True, sent_at=10.0)}
    assert due([desired()], held, now=99, resend_seconds=1).directives == ()


def test_a_new_revision_or_epoch_is_said_at_once() -> None:
    held = {"a": Held(1, 1, is_reported=True, sent_at=10.0)}
    assert due([desired(revision=2)], held, now=10, resend_seconds=1).directives == (desired(revision=2),)
    assert due([desired(epoch=2)], held, now=10, resend_seconds=1).directives == (desired(epoch=2),)


def test_what_the_runner_says_it_holds_and_does_is_not_said_again() -> None:
    held = {"a": Held(1, 1, is_reported=True, resume_after=4)}
    outcome = due([desired()], held, now=0, resend_seconds=1)
    assert outcome.directives == ()
    assert outcome.superseded == ()


def test_what_is_no_longer_its_own_is_superseded() -> None:
    held = {"a": Held(1, 1, is_reported=True), "b": Held(1, 1, is_reported=True)}
    assert due([desired("b")], held, now=0, resend_seconds=1).superseded == ("a",)
