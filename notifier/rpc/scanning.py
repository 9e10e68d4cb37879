"""Finds what is plain in a batch by its bytes, as they came, and of what is to be kept or deduped where its fields are: one compiled pass,
without an object of protobuf's for each notification.

The bytes are a stranger's: what is found plain or clear is held against everything that protobuf and `notification.check` would ask, and
has its fields each at most once and in the order of their numbers, as every protobuf library writes them. Whatever is not surely so is
left to those who look at one by one.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from notifier.access import ME
from notifier.arrival import BARE, POSITION, SAID, SAID_END, TYPE, USER, USER_END, Plain
from notifier.arrival import TYPES as TOLD
from notifier.compiled import OCTETS, TABLE, compiled, inner
from notifier.notification import MAXIMUM_DEDUPE_KEY, MAXIMUM_MESSAGE, MAXIMUM_TITLE, MAXIMUM_USER_ID, SURELY_SMALL
from notifier.realtime.frames import tag_of_bytes
from notifier.types import TYPES
from tradewinds.v1 import notifier_pb2

Table = npt.NDArray[np.int64]

# For fewer, a closer look at each costs less.
WORTH_SCANNING: Final = 16
# What a type's number means; those that are only told come first, as in `Plain`.
NAMES: Final = (*TOLD, *sorted(TYPES.keys() - set(TOLD)))
_TOLD: Final = len(TOLD)
# The columns of a row for each request: those of `Plain`, what was found (nothing yet, or how good it is), and where the parts are of what
# is clear. What is said is all of the request, and of a clear one all but its key.
_FOUND, TITLE, TITLE_END, MESSAGE, MESSAGE_END, DATA, DATA_END, KEY, KEY_END, FACTS, FACTS_END = range(7, 18)
_PLAIN_WIDTH, _WIDTH = 7, 18
_OTHER, _PLAIN, _CLEAR = range(3)
# The columns of a row for each fact that is a text, for so many of them as most notifications have.
_NAME, _NAME_END, _TEXT, _TEXT_END = range(4)
_MOST_FACTS: Final = 8
_REQUESTS: Final = 0x0A  # of a batch
_FIELDS: Final = notifier_pb2.SendNotificationRequest.DESCRIPTOR.fields_by_name
_USER_ID_TAG, _TYPE_TAG, _TITLE_TAG, _MESSAGE_TAG, _DATA_TAG = (
    tag_of_bytes(_FIELDS[name].number)[0] for name in ("user_id", "type", "title", "message", "data")
)
_KEY_TAG, _KEY_TAG_END = tag_of_bytes(_FIELDS["dedupe_key"].number)
# google.protobuf.Struct.fields, and in these their key and value; then the kinds of a Value without those that hold others.
_ENTRY, _KEY, _VALUE = 0x0A, 0x0A, 0x12
_NULL, _DOUBLE, _STRING, _BOOL = 0x08, 0x11, 0x1A, 0x20
_MAXIMUM_USER_ID, _MAXIMUM_TITLE, _MAXIMUM_MESSAGE = MAXIMUM_USER_ID, MAXIMUM_TITLE, MAXIMUM_MESSAGE
_MAXIMUM_KEY, _SURELY_SMALL = MAXIMUM_DEDUPE_KEY, SURELY_SMALL
_M, _E = ME.encode()
_JOINED_NAMES: Final = np.frombuffer("".join(NAMES).encode(), np.uint8)
_NAME_ENDS: Final = np.array([list(accumulate(map(len, NAMES), initial=0))], np.int64)


@inner
def _sized(raw: Any, at: Any, end: Any) -> Any:
    """Where something begins and ends that says its size at `at`; from 16 KiB on, or beyond `end`, it ends before it begins."""
    if at >= end:
        return at, -1
    size = np.int64(raw[at])
    if size > 0x7F:
        if at + 1 >= end or raw[at + 1] > 0x7F:
            return at, -1
        size = size & 0x7F | np.int64(raw[at + 1]) << 7
        at += 1
    return (at + 1, at + 1 + size) if size <= end - at - 1 else (at, -1)


@inner
def _field(raw: Any, at: Any, end: Any, tag: Any) -> Any:
    """The same of a field that may come next; nothing, at `at`, where it does not come or something was wrong before."""
    if 0 <= at < end and raw[at] == tag:
        return _sized(raw, at + 1, end)
    return at, at


@inner
def _is_text(raw: Any, start: Any, end: Any) -> Any:
    """Whether it is UTF-8 without a NUL."""
    at = start
    while at < end:
        octet = raw[at]
        if 0 < octet < 0x80:
            at += 1
            continue
        if 0xC2 <= octet < 0xE0:
            more, least, most = 1, 0x80, 0xBF
        elif 0xE0 <= octet < 0xF0:
            more, least, most = 2, 0xA0 if octet == 0xE0 else 0x80, 0x9F if octet == 0xED else 0xBF
        elif 0xF0 <= octet < 0xF5:
            more, least, most = 3, 0x90 if octet == 0xF0 else 0x80, 0x8F if octet == 0xF4 else 0xBF
        else:
            return False
        if at + more >= end or not least <= raw[at + 1] <= most:
            return False
        for place in range(at + 2, at + 1 + more):
            if not 0x80 <= raw[place] <= 0xBF:
                return False
        at += 1 + more
    return True


@inner
def _is_printable(raw: Any, start: Any, end: Any) -> Any:
    """Whether it is printable ASCII."""
    for place in range(start, end):  # noqa: SIM110 - a generator is nothing to the compiler
        if not 0x20 <= raw[place] <= 0x7E:
            return False
    return True


@inner
def _is_value(raw: Any, start: Any, end: Any) -> Any:
    """Whether it is a Value that holds no others, and no text."""
    if end - start < 2:
        return False
    kind = raw[start]
    if kind == _DOUBLE:
        return end - start == 9
    return end - start == 2 and (raw[start + 1] == 0 if kind == _NULL else kind == _BOOL and raw[start + 1] <= 1)


@inner
def _facts(raw: Any, start: Any, end: Any, facts: Any, used: Any) -> Any:
    """How far `facts` is used when those of a Struct are added; -1 where they are more, or not all texts, -2 where it is no Struct of
    values that hold no others."""
    at, all_texts = start, True
    while at < end:
        entry, entry_end = _field(raw, at, end, _ENTRY)
        key, key_end = _field(raw, entry, entry_end, _KEY)
        value, value_end = _field(raw, key_end, entry_end, _VALUE)
        if entry == at or value_end != entry_end or not _is_text(raw, key, key_end):
            return -2
        text, text_end = _field(raw, value, value_end, _STRING)
        if text > value and text_end == value_end and _is_text(raw, text, text_end):
            if used < len(facts):
                facts[used, _NAME], facts[used, _NAME_END] = key, key_end
                facts[used, _TEXT], facts[used, _TEXT_END] = text, text_end
            used += 1
        elif _is_value(raw, value, value_end):
            all_texts = False
        else:
            return -2
        at = entry_end
    if at != end:
        return -2
    return used if all_texts and used <= len(facts) else -1


@inner
def _named(raw: Any, start: Any, end: Any, names: Any, name_ends: Any) -> Any:
    """Which of the names it is; -1 for none."""
    for which in range(name_ends.shape[1] - 1):
        begin = name_ends[0, which]
        if name_ends[0, which + 1] - begin == end - start:
            same = True
            for place in range(end - start):
                if names[begin + place] != raw[start + place]:
                    same = False
                    break
            if same:
                return which
    return -1


@inner
def _key(raw: Any, at: Any, end: Any) -> Any:
    """Where the dedupe key is, if it comes next; nothing, at `at`, where it does not. It ends before it begins where it is no good one."""
    if not 0 <= at < end - 1 or raw[at] != _KEY_TAG or raw[at + 1] != _KEY_TAG_END:
        return at, at
    key, key_end = _sized(raw, at + 2, end)
    # Its length is told in characters, which are no more than its bytes.
    if 0 < key_end - key <= _MAXIMUM_KEY and _is_text(raw, key, key_end):
        return key, key_end
    return at, -1


@inner
def _looked_at(raw: Any, row: Any, names: Any, name_ends: Any, facts: Any, used: Any) -> Any:
    """Fill its row; how far `facts` is used after it."""
    start, end = row[SAID], row[SAID_END]
    user, user_end = _field(raw, start, end, _USER_ID_TAG)
    type_, type_end = _field(raw, user_end, end, _TYPE_TAG)
    title, title_end = _field(raw, type_end, end, _TITLE_TAG)
    message, message_end = _field(raw, title_end, end, _MESSAGE_TAG)
    data, data_end = _field(raw, message_end, end, _DATA_TAG)
    key, key_end = _key(raw, data_end, end)
    if key_end != end or end - start > _SURELY_SMALL:
        return used
    if not (0 < user_end - user <= _MAXIMUM_USER_ID and 0 < title_end - title <= _MAXIMUM_TITLE):
        return used
    if user_end - user == 2 and raw[user] == _M and raw[user + 1] == _E:
        return used
    # A space in front: whether there is more is for a closer look.
    if raw[title] == 0x20 or message_end - message > _MAXIMUM_MESSAGE:
        return used
    which = _named(raw, type_, type_end, names, name_ends)
    if which < 0 or not (_is_printable(raw, user, user_end) and _is_printable(raw, title, title_end)):
        return used
    more = _facts(raw, data, data_end, facts, used)
    if more == -2 or not _is_text(raw, message, message_end):
        return used
    row[TYPE], row[USER], row[USER_END], row[SAID_END], row[BARE] = which, user, user_end, data_end, data == message_end
    if which < _TOLD and key == key_end:
        row[_FOUND] = _PLAIN
        return used
    row[_FOUND] = _CLEAR
    row[TITLE], row[TITLE_END], row[MESSAGE], row[MESSAGE_END] = title, title_end, message, message_end
    row[DATA], row[DATA_END], row[KEY], row[KEY_END] = data, data_end, key, key_end
    row[FACTS], row[FACTS_END] = used, more
    return max(used, more)


@inner
def _any_size(raw: Any, at: Any, end: Any) -> Any:
    """`_sized` of any size."""
    size, shift = np.int64(0), np.int64(0)
    while at < end and shift < 35:
        octet = np.int64(raw[at])
        size |= (octet & 0x7F) << shift
        at += 1
        shift += 7
        if octet <= 0x7F:
            return (at, at + size) if size <= end - at else (at, -1)
    return at, -1


@compiled(OCTETS)
def _count(raw: Any) -> Any:
    """How many requests there are; -1 where there is anything else."""
    count = at = 0
    while at < len(raw):
        if raw[at] != _REQUESTS:
            return -1
        _, at = _any_size(raw, at + 1, len(raw))
        if at < 0:
            return -1
        count += 1
    return count


@compiled(OCTETS, OCTETS, TABLE, TABLE, TABLE)
def _look(raw: Any, names: Any, name_ends: Any, rows: Any, facts: Any) -> Any:
    """Fill the rows of so many requests as there are; how far `facts` is used."""
    at = used = 0
    for number in range(len(rows)):
        start, at = _any_size(raw, at + 1, len(raw))
        rows[number, POSITION], rows[number, SAID], rows[number, SAID_END] = number, start, at
        used = _looked_at(raw, rows[number], names, name_ends, facts, used)
    return used


class Scanned:
    """A batch of whole requests: those that are plain, those that are clear, as rows of places in `raw`, with their facts as such rows
    (`FACTS_END` is -1 where they have to be decoded), and where the others are. `text` is `raw` by the byte, from which what is ASCII
    (of a clear one its user and title) can be cut."""

    def __init__(self, raw: bytes, count: int) -> None:
        rows = np.zeros((count, _WIDTH), np.int64)
        facts = np.empty((_MOST_FACTS * count, 4), np.int64)
        used = _look(np.frombuffer(raw, np.uint8), _JOINED_NAMES, _NAME_ENDS, rows, facts)
        found = rows[:, _FOUND]
        plain = rows[found == _PLAIN, :_PLAIN_WIDTH]
        # Cutting a text is quicker than decoding its parts.
        self.raw, self.text = raw, raw.decode("latin-1")
        users = [self.text[start:end] for start, end in plain[:, USER : USER_END + 1].tolist()]
        self.plain = Plain(raw, plain, users)
        self.clear: list[list[int]] = rows[found == _CLEAR].tolist()
        self.facts: list[list[int]] = facts[:used].tolist()
        self._others = rows[found == _OTHER]

    def others(self) -> dict[int, bytes]:
        """The bytes of all other requests, by their positions."""
        wanted = self._others[:, (POSITION, SAID, SAID_END)].tolist()
        return {position: self.raw[start:end] for position, start, end in wanted}


def scan(raw: bytes, least: int = WORTH_SCANNING) -> Scanned | None:
    """None where there are fewer than `least`, and where there is anything but whole requests."""
    count = int(_count(np.frombuffer(raw, np.uint8))) if raw else 0
    return Scanned(raw, count) if count >= least else None
