"""What can happen to an order: the kinds of lines in an account's log."""

from __future__ import annotations

from enum import StrEnum


class EventKind(StrEnum):
    """Past tense; the order's state right after is beside it."""

    PLACED = "PLACED"  # the intent is committed; SUBMITTING at once where nothing waits
    DENIED = "DENIED"  # refused by us
    SUBMITTED = "SUBMITTED"  # released by the pacer: about to be sent
    ACCEPTED = "ACCEPTED"  # the broker answered with its ids
    REJECTED = "REJECTED"  # the broker said no
    NOT_SENT = "NOT_SENT"  # provably never left
    UNCLEAR = "UNCLEAR"  # sent, and the answer is unclear
    NOT_FOUND = "NOT_FOUND"  # an unclear one that the broker's books never showed
    REPORTED = "REPORTED"  # the broker's stream or book moved it
    FILLED = "FILLED"  # its cumulative fill grew
    LATE_FILL = "LATE_FILL"  # … after it had ended
    OVERFILLED = "OVERFILLED"  # … beyond its quantity
    RESURFACED = "RESURFACED"  # given up as not placed, and working at the broker after all
    CANCEL_REQUESTED = "CANCEL_REQUESTED"
    CANCEL_FAILED = "CANCEL_FAILED"  # the broker would not; it may be asked again
    WITHDRAWN = "WITHDRAWN"  # cancelled before it was sent
    HANDED_BACK = "HANDED_BACK"  # was waiting to be sent when its engine stopped
    STILL_UNKNOWN = "STILL_UNKNOWN"  # the bound has passed: somebody must look
    RESOLVED = "RESOLVED"  # a person said what became of an unknown one
    ATTRIBUTED = "ATTRIBUTED"  # an external order belongs to a strategy's book
    BOOKED = "BOOKED"  # a change of the books that no order of the broker's stands behind
    MODIFY_REQUESTED = "MODIFY_REQUESTED"
    MODIFIED = "MODIFIED"
    MODIFY_FAILED = "MODIFY_FAILED"  # it works on as it was
    APPEARED = "APPEARED"  # somebody else's order at the broker
    # Lines about no order.
    HELD = "HELD"
    RELEASED = "RELEASED"
    GUARD_CHANGED = "GUARD_CHANGED"
    DAY_ENDED = "DAY_ENDED"  # the broker's day is over
