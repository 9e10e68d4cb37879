"""From stream entries to what one follower gets: pure routing, the same for live and for replay."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass

from notifier.notification import Notification
from notifier.realtime.cursor import WHOLE_ENTRY, Cursor


@dataclass(frozen=True)
class Delivery:
    """One notification and the place in the history right after it."""

    notification: Notification
    cursor: Cursor


def deliveries(
    epoch: bytes, shard: int, entry: int, batch: Sequence[Notification], users: Container[str]
) -> Iterator[Delivery]:
    """Those of one entry that are for `users`, in order.

    A user's last one carries the whole entry as its place: what follows there is not theirs, and such a cursor stays good when the
    entry itself has been trimmed.
    """
    wanted = [(index, notification) for index, notification in enumerate(batch) if notification.user_id in users]
    last = {notification.user_id: index for index, notification in wanted}
    for index, notification in wanted:
        place = WHOLE_ENTRY if last[notification.user_id] == index else index
        yield Delivery(notification, Cursor(epoch, shard, entry, place))


def is_after(delivery: Delivery, floor: Cursor | None) -> bool:
    """Whether a follower who has taken everything up to `floor` has not had this one yet."""
    if floor is None or delivery.cursor.epoch != floor.epoch:
        return True
    return (delivery.cursor.entry, delivery.cursor.index) > (floor.entry, floor.index)
