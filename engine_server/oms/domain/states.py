"""The states of an order, the ONE table of transitions, and the one function that applies what the broker reports.

An order never goes back: an update applies only where (cumulative fill, rank) does not decrease. So duplicated and
reordered reports are no-ops. A terminal order takes nothing but a larger cumulative fill (a fill that was faster than a
cancel, or one that we had given up on): it is booked and raised.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from engine_server.broker.port import ReportStatus


class OrderState(StrEnum):
    """Where an order is (proto `OrderState`)."""

    PENDING_SUBMIT = "PENDING_SUBMIT"
    SUBMITTING = "SUBMITTING"
    UNKNOWN = "UNKNOWN"
    OPEN = "OPEN"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    NOT_PLACED = "NOT_PLACED"
    DENIED = "DENIED"

    @property
    def rank(self) -> int:
        """How far along it is; all terminal states rank alike."""
        return _RANKS[self]

    @property
    def is_terminal(self) -> bool:
        """Whether nothing but a late fill can happen to it."""
        return not TRANSITIONS[self]

    @property
    def is_at_broker(self) -> bool:
        """Whether the broker has it and it works there."""
        return self in (OrderState.OPEN, OrderState.PARTIALLY_FILLED)


_BROKER_STATES: Final = frozenset(
    {
        OrderState.OPEN,
        OrderState.PARTIALLY_FILLED,
        OrderState.FILLED,
        OrderState.CANCELLED,
        OrderState.REJECTED,
        OrderState.EXPIRED,
    }
)

TRANSITIONS: Final[Mapping[OrderState, frozenset[OrderState]]] = {
    # Never sent: it may be released to the broker, withdrawn, or handed back by a restart.
    OrderState.PENDING_SUBMIT: frozenset({OrderState.SUBMITTING, OrderState.CANCELLED, OrderState.NOT_PLACED}),
    # The broker's stream may be faster than its answer, so every state there is can follow.
    OrderState.SUBMITTING: _BROKER_STATES | {OrderState.UNKNOWN, OrderState.NOT_PLACED},
    OrderState.UNKNOWN: _BROKER_STATES | {OrderState.NOT_PLACED},
    OrderState.OPEN: _BROKER_STATES - {OrderState.OPEN},
    OrderState.PARTIALLY_FILLED: _BROKER_STATES - {OrderState.OPEN},
    OrderState.FILLED: frozenset(),
    OrderState.CANCELLED: frozenset(),
    OrderState.REJECTED: frozenset(),
    OrderState.EXPIRED: frozenset(),
    OrderState.NOT_PLACED: frozenset(),
    OrderState.DENIED: frozenset(),
}

_TERMINAL_RANK: Final = 50
_RANKS: Final[Mapping[OrderState, int]] = {
    OrderState.PENDING_SUBMIT: 10,
    OrderState.SUBMITTING: 20,
    OrderState.UNKNOWN: 25,
    OrderState.OPEN: 30,
    OrderState.PARTIALLY_FILLED: 40,
    **{state: _TERMINAL_RANK for state, following in TRANSITIONS.items() if not following},
}


class IllegalTransitionError(Exception):
    """Our own code asked for a transition that is not in the table: a defect."""


def check_transition(before: OrderState, after: OrderState) -> None:
    """Guard of every change of state that we decide ourselves; raises `IllegalTransitionError`."""
    if after is not before and after not in TRANSITIONS[before]:
        raise IllegalTransitionError(f"an order that is {before} cannot become {after}")


@dataclass(frozen=True)
class Progress:
    """How far an order got: its state and its cumulative fill."""

    state: OrderState
    filled: int


@dataclass(frozen=True)
class Advance:
    """What a report makes of an order."""

    after: Progress
    is_late_fill: bool = False
    is_overfill: bool = False


def reported_progress(status: ReportStatus, filled: int, quantity: int) -> Progress:
    """A broker's report in our terms. The cumulative fill outranks the word: full means filled, whatever the word is."""
    if filled >= quantity:
        return Progress(OrderState.FILLED, filled)
    if status is ReportStatus.CANCELLED:
        return Progress(OrderState.CANCELLED, filled)
    if status is ReportStatus.REJECTED:
        return Progress(OrderState.REJECTED, filled)
    # "complete" with less than all contradicts itself: what is certain is the fill, the next book read tells the rest.
    return Progress(OrderState.PARTIALLY_FILLED if filled else OrderState.OPEN, filled)


def advance(before: Progress, reported: Progress, quantity: int) -> Advance | None:
    """Apply a report; None where it tells nothing new (a duplicate, an older one, one that would go back)."""
    if reported.filled < before.filled or before.state is OrderState.DENIED:
        return None
    overfilled = reported.filled > quantity
    if before.state.is_terminal:
        if reported.filled == before.filled:
            return None
        state = reported.state if reported.state.is_terminal else before.state
        return Advance(Progress(state, reported.filled), is_late_fill=True, is_overfill=overfilled)
    if reported.state.rank < before.state.rank or reported == before:
        return None
    if reported.state is not before.state and reported.state not in TRANSITIONS[before.state]:
        return None
    return Advance(reported, is_overfill=overfilled)
