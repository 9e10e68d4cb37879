"""An exit that never reached the broker goes again by itself, as a new attempt at the same intent; an entry is handed back.

What repeats an order has its request key and one mark more: the key is unique for ever, so that whoever runs the account sends it once.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from engine_server.oms.domain.states import OrderState
from engine_server.oms.records import OrderRecord

# Proven not to be there, by whatever proof. What a person has resolved is that person's to repeat.
REASONS: Final = frozenset({"NOT_SENT", "NOT_FOUND_AT_BROKER", "ENGINE_RESTARTED"})
MAXIMUM_AGAIN: Final = 5
# The tag has one character for the attempt, slices of the intent included.
MAXIMUM_ATTEMPT: Final = 31
_MARK: Final = "!"
_FIRST_SECONDS: Final = 1.0
# Its owner has looked elsewhere by then, and the market is another one.
_OLDEST: Final = timedelta(minutes=5)


def is_unsent_exit(order: OrderRecord) -> bool:
    """Whether it is one that may go again."""
    return (
        order.state is OrderState.NOT_PLACED
        and order.is_exit
        and order.origin == "CALLER"
        and order.reason in REASONS
        and not order.broker_order_id
        and not order.cancel_requested
    )


def key_of_next(order: OrderRecord) -> str:
    """The request key of what repeats it."""
    return order.request_key + _MARK


def id_of_next(order: OrderRecord) -> str:
    """The request id of what repeats it."""
    return order.request_id + _MARK


def is_over(order: OrderRecord, now: datetime) -> bool:
    """Whether nobody waits for it to go again any more."""
    return _times(order) >= MAXIMUM_AGAIN or now - order.created_at > _OLDEST


def is_due(order: OrderRecord, now: datetime) -> bool:
    """Each attempt waits twice as long as the one before it."""
    return now - order.updated_at >= timedelta(seconds=_FIRST_SECONDS * 2 ** _times(order))


def _times(order: OrderRecord) -> int:
    return len(order.request_key) - len(order.request_key.rstrip(_MARK))
