"""From stream entries to what one follower gets: pure routing, the same for live and for replay."""

from __future__ import annotations

from collections.abc import Container

import msgspec

from notifier.realtime import wire
from notifier.realtime.cursor import WHOLE_ENTRY, Cursor, Place, WideCursor
from notifier.realtime.wire import Index, Told


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """Something told and the place in the history right after it."""

    told: Told
    cursor: Place


def deliveries(
    epoch: bytes, shard: int, entry: int, index: Index, frames: bytes, users: Container[str]
) -> dict[str, list[Delivery]]:
    """Those of one entry that are for `users`, by user and in order, without those that have expired.

    A user's last one carries the whole entry as its place: what follows there is not theirs, and such a cursor stays good when the
    entry itself has been trimmed.
    """
    wanted = [(user_id, position) for position, user_id in enumerate(index.users) if user_id in users]
    last = dict(wanted)
    found: dict[str, list[Delivery]] = {user_id: [] for user_id in last}
    for user_id, position in wanted:
        told = wire.at(index, frames, position)
        if not told.expires_us or not wire.is_over(told.expires_us):
            place = WHOLE_ENTRY if last[user_id] == position else position
            found[user_id].append(Delivery(told, Cursor(epoch, shard, entry, place)))
    return found


def is_after(delivery: Delivery, floor: Place | None) -> bool:
    """Whether a follower who has taken everything up to `floor` has not had this one yet."""
    if floor is None or delivery.cursor.epoch != floor.epoch:
        return True
    if isinstance(delivery.cursor, WideCursor):
        return not isinstance(floor, WideCursor) or delivery.cursor.number > floor.positions[delivery.cursor.shard]
    return isinstance(floor, WideCursor) or (delivery.cursor.entry, delivery.cursor.index) > (floor.entry, floor.index)
