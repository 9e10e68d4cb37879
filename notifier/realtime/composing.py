"""From what is told to entries of the streams, in one compiled pass: whose a notification is decides its shard, and its frame and its line
of the index are written where they belong, without an object for each.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence, Sized
from itertools import accumulate, pairwise
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from notifier.compiled import COLUMN, NARROW_COLUMN, NEW_OCTETS, OCTETS, TABLE, compiled, inner
from notifier.realtime import wire
from notifier.realtime.wire import Told
from tradewinds.redis_keys import NOTIFICATION_SHARDS

# A new entry: its shard, its frames and its index.
NewEntry = tuple[int, bytes, bytes]
Table = npt.NDArray[np.int64]

# The columns of `Bulk.rows`. Where there is no id, what is said is a whole frame already; BARE is 1 where it has no facts.
USER, USER_END, SAID, SAID_END, ID, ID_END, STAMP, STAMP_END, BARE, CLASS, EXPIRES_US = range(11)
WIDTH: Final = 11
_PLACES: Final = slice(USER, STAMP_END + 1)

# Those of a part, which becomes an entry: what there is before it, and whether any of it expires.
_SHARD, _LINES, _FRAMES, _USERS, _EXPIRES = range(5)
_FRAME: Final = 0x0A  # WatchNotificationsResponse.notifications; and Notification.notification_id
_NO_DATA: Final = (0x3A, 0x00)  # an empty object is there too
_CRC32: Final = np.array([zlib.crc32(bytes((octet,)), 0xFFFFFFFF) ^ 0xFFFFFFFF for octet in range(256)], np.uint32)
_MAXIMUM_ENTRY, _MAXIMUM_ENTRY_BYTES, _SHARDS = wire.MAXIMUM_ENTRY, wire.MAXIMUM_ENTRY_BYTES, NOTIFICATION_SHARDS


@inner
def _crc32(octets: Any, start: Any, end: Any) -> Any:
    """As `cursor.shard_of` has it."""
    crc = np.uint32(0xFFFFFFFF)
    for place in range(start, end):
        crc = _CRC32[(crc ^ octets[place]) & 0xFF] ^ (crc >> np.uint32(8))
    return crc ^ np.uint32(0xFFFFFFFF)


@inner
def _varint_size(value: Any) -> Any:
    size = 1
    while value > 0x7F:
        value >>= 7
        size += 1
    return size


@inner
def _body_size(rows: Any, number: Any) -> Any:
    """What a frame holds, which is what is said where that is a frame already."""
    size = rows[number, SAID_END] - rows[number, SAID]
    if rows[number, ID_END] > rows[number, ID]:
        size += (
            2 * rows[number, BARE]
            + 2
            + rows[number, ID_END]
            - rows[number, ID]
            + rows[number, STAMP_END]
            - rows[number, STAMP]
        )
    return size


@compiled(OCTETS, TABLE, COLUMN, TABLE, COLUMN, COLUMN)
def _parted(octets: Any, rows: Any, last: Any, parts: Any, part_of: Any, sizes: Any) -> Any:
    """Which part each is in, in entries that are not too large, and how large its frame's body is. How many parts there are; behind
    the last one is the end of all."""
    made = 0
    for number in range(len(rows)):
        body = _body_size(rows, number)
        size = body if rows[number, ID_END] == rows[number, ID] else 1 + _varint_size(body) + body
        shard = np.int64(_crc32(octets, rows[number, USER], rows[number, USER_END]) % np.uint32(_SHARDS))
        part = last[shard]
        if part < 0 or parts[part, _LINES] >= _MAXIMUM_ENTRY or parts[part, _FRAMES] + size > _MAXIMUM_ENTRY_BYTES:
            part = last[shard] = made
            parts[part, _SHARD] = shard
            made += 1
        parts[part, _LINES] += 1
        parts[part, _FRAMES] += size
        parts[part, _USERS] += rows[number, USER_END] - rows[number, USER] + 1
        parts[part, _EXPIRES] |= rows[number, EXPIRES_US] != 0
        part_of[number], sizes[number] = part, body
    for column in (_LINES, _FRAMES, _USERS):
        before = 0
        for part in range(made + 1):
            before, parts[part, column] = before + parts[part, column], before
    return made


@inner
def _copied(octets: Any, start: Any, end: Any, into: Any, at: Any) -> Any:
    """Where it ends there."""
    # Unsigned: a place that might count from the end is looked at twice, and copied byte by byte.
    first, to = np.uint64(start), np.uint64(at)
    for place in range(np.uint64(end - start)):
        into[to + place] = octets[first + place]
    return at + end - start


@inner
def _framed(octets: Any, rows: Any, number: Any, body: Any, into: Any, at: Any) -> Any:
    """What is said, the id and the stamp behind each other."""
    if rows[number, ID_END] == rows[number, ID]:
        return _copied(octets, rows[number, SAID], rows[number, SAID_END], into, at)
    into[at] = _FRAME
    at += 1
    while body > 0x7F:
        into[at] = body & 0x7F | 0x80
        body >>= 7
        at += 1
    into[at] = body
    at = _copied(octets, rows[number, SAID], rows[number, SAID_END], into, at + 1)
    if rows[number, BARE]:
        into[at], into[at + 1] = _NO_DATA
        at += 2
    into[at], into[at + 1] = _FRAME, rows[number, ID_END] - rows[number, ID]
    at = _copied(octets, rows[number, ID], rows[number, ID_END], into, at + 2)
    return _copied(octets, rows[number, STAMP], rows[number, STAMP_END], into, at)


@compiled(OCTETS, TABLE, TABLE, COLUMN, COLUMN, TABLE, NEW_OCTETS, NEW_OCTETS, NARROW_COLUMN, NEW_OCTETS, COLUMN)
def _write(
    octets: Any,
    rows: Any,
    at: Any,
    part_of: Any,
    sizes: Any,
    parts: Any,
    frames: Any,
    users: Any,
    ends: Any,
    classes: Any,
    expires_us: Any,
) -> Any:
    """Every part at its place: `at` are the parts once more, and say where the next one of each goes."""
    for number in range(len(rows)):
        part = part_of[number]
        line, frame, user = at[part, _LINES], at[part, _FRAMES], at[part, _USERS]
        frame = _framed(octets, rows, number, sizes[number], frames, frame)
        user = _copied(octets, rows[number, USER], rows[number, USER_END], users, user)
        users[user] = 0
        ends[line] = frame - parts[part, _FRAMES]
        classes[line], expires_us[line] = rows[number, CLASS], rows[number, EXPIRES_US]
        at[part, _LINES], at[part, _FRAMES], at[part, _USERS] = line + 1, frame, user + 1


class Bulk(msgspec.Struct, frozen=True, gc=False):
    """What is told, in its order: a row for each, which says where in `octets` its parts are."""

    octets: bytes
    rows: Table

    def __len__(self) -> int:
        return len(self.rows)

    def user_ids(self) -> set[str]:
        """Whose something is; nobody misses what says nothing, as a canary does."""
        octets, rows = self.octets, self.rows
        saying = rows[rows[:, SAID_END] > rows[:, SAID], USER:SAID]
        return {octets[start:end].decode() for start, end in saying.tolist()}


# Of one: whose it is, what is said, its id, its stamp, its class, and when it expires (0: never).
Said = tuple[str, bytes, str, bytes, int, int]


def bulk_of(told: Sequence[Told]) -> Bulk:
    """Of what is framed already."""
    return bulk_of_said([(one.user_id, one.frames, "", b"", one.delivery_class, one.expires_us) for one in told])


def bulk_of_said(said: Sequence[Said]) -> Bulk:
    """Of what is not framed yet."""
    pieces = [piece for one in said for piece in (one[0].encode(), one[1], one[2].encode(), one[3])]
    ends = places(pieces, 0)
    rows = np.zeros((len(said), WIDTH), np.int64)
    for piece, (begin, end) in enumerate(((USER, USER_END), (SAID, SAID_END), (ID, ID_END), (STAMP, STAMP_END))):
        rows[:, begin], rows[:, end] = ends[piece:-1:4], ends[piece + 1 :: 4]
    rows[:, CLASS], rows[:, EXPIRES_US] = [one[4] for one in said], [one[5] for one in said]
    return Bulk(b"".join(pieces), rows)


def places(pieces: Sequence[Sized], begin: int) -> npt.NDArray[np.int64]:
    """Where each of them begins, and the last one ends, when they are put one behind the other."""
    ends = np.fromiter(map(len, pieces), np.int64, len(pieces)).cumsum()
    return np.concatenate(((begin,), ends + begin))


def joined(many: Sequence[Bulk]) -> Bulk:
    """One after the other."""
    if len(many) == 1:
        return many[0]
    rows, begin = np.concatenate([one.rows for one in many]), 0
    for one, offset in zip(many, accumulate((len(one.octets) for one in many), initial=0), strict=False):
        rows[begin : begin + len(one), _PLACES] += offset
        begin += len(one)
    return Bulk(b"".join([one.octets for one in many]), rows)


def entries_of(bulk: Bulk, newest_us: int) -> list[NewEntry]:
    """All of it, of each shard in its order, in as many entries as it takes."""
    octets, rows, count = np.frombuffer(bulk.octets, np.uint8), bulk.rows, len(bulk)
    part_of, sizes, parts = np.empty(count, np.int64), np.empty(count, np.int64), np.zeros((count + 1, 5), np.int64)
    made = _parted(octets, rows, np.full(_SHARDS, -1), parts, part_of, sizes)
    places = parts[: made + 1].tolist()
    frames, users = np.empty(places[-1][_FRAMES], np.uint8), np.empty(places[-1][_USERS], np.uint8)
    ends, classes, expires_us = np.empty(count, np.uint32), np.empty(count, np.uint8), np.empty(count, np.int64)
    _write(octets, rows, parts.copy(), part_of, sizes, parts, frames, users, ends, classes, expires_us)
    entries = []
    for (shard, line, frame, user, expiring), (_, line_end, frame_end, user_end, _) in pairwise(places):
        index = wire.packed_index(
            newest_us,
            line_end - line,
            users[user : user_end - 1].tobytes(),  # without the last NUL
            ends[line:line_end].tobytes(),
            classes[line:line_end].tobytes(),
            expires_us[line:line_end].tobytes() if expiring else b"",
        )
        entries.append((shard, frames[frame:frame_end].tobytes(), index))
    return entries
