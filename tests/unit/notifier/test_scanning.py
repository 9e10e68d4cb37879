"""What is found plain or clear in the bytes of a batch is what a look at each of its requests would have found, and nothing else is."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, TypeVar

import msgspec
import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from notifier.access import ME
from notifier.arrival import SAID, SAID_END, TYPE, Arrival, one_by_one
from notifier.arrival import TYPES as REALTIME_TYPES
from notifier.notification import NewNotification, Notification, is_plainly_good
from notifier.ports import Stored
from notifier.preferences import DEFAULTS, Preferences
from notifier.realtime.composing import Bulk
from notifier.realtime.wire import Told
from notifier.rpc import messages, reading
from notifier.rpc.scanning import KEY_END, WORTH_SCANNING, scan
from notifier.sending import Sender
from notifier.types import TYPES, Severity
from tests.unit.notifier.builders import told_in
from tradewinds.auth import SERVICE, Principal
from tradewinds.v1 import notifier_pb2 as pb

LIVE, KEPT = "ORDER_PARTIALLY_FILLED", "ORDER_EXECUTED"
CALLER = Principal("engine", frozenset({SERVICE}))

texts = st.one_of(
    st.text(alphabet="abc XYZ019~", max_size=12),
    st.text(max_size=6),
    st.sampled_from(
        ["₹1,400.05", "two\nlines", "\x00", " ", " in front", "x" * 127, "x" * 128, "x" * 201, "y" * 4_001]
    ),
)
facts = st.one_of(
    st.none(),
    st.dictionaries(
        st.text(max_size=3), st.one_of(st.text(max_size=5), st.floats(allow_nan=False), st.none()), max_size=2
    ),
    st.just({"large": "z" * 1_400}),
    st.just({"larger": "z" * 17_000}),
)


@st.composite
def requests(draw: st.DrawFn) -> pb.SendNotificationRequest:
    request = pb.SendNotificationRequest(
        user_id=draw(st.one_of(st.sampled_from(["alice", "bob", ME, "", CALLER.subject]), texts)),
        type=draw(st.sampled_from([LIVE, LIVE, LIVE, KEPT, "CUSTOM_X", "NOTHING", ""])),
        title=draw(st.one_of(st.just("a title"), texts)),
        message=draw(texts),
    )
    if (said := draw(facts)) is not None:
        request.data.update(said)
    for name, value in draw(
        st.dictionaries(st.sampled_from(["dedupe_key", "locale"]), st.text(min_size=1, max_size=3), max_size=1)
    ).items():
        setattr(request, name, value)
    request.ttl_seconds = draw(st.sampled_from([0, 0, 0, 5, -1]))
    return request


def copy_of(request: pb.SendNotificationRequest) -> pb.SendNotificationRequest:
    return pb.SendNotificationRequest.FromString(request.SerializeToString())


def is_good(request: pb.SendNotificationRequest, new: NewNotification) -> bool:
    """Plain or clear, by the words of the definition, one by one."""
    return (
        is_plainly_good(msgspec.structs.replace(new, is_good=False))
        and new.type in TYPES
        and not (request.ttl_seconds or request.locale)
        and request.user_id not in ("", ME)
    )


def is_plain(request: pb.SendNotificationRequest) -> bool:
    """Of what is good: whether it is only told."""
    return not (TYPES[request.type].persisted or request.dedupe_key)


def closely(request: pb.SendNotificationRequest) -> NewNotification:
    """What a close look finds."""
    return messages.new_notification(copy_of(request), request.user_id)


@given(st.lists(requests(), max_size=12))
def test_a_scan_finds_what_a_close_look_finds(batch: list[pb.SendNotificationRequest]) -> None:
    found, clear, others = scanned(pb.StreamNotificationsRequest(requests=batch).SerializeToString())
    assert sorted([*found, *clear, *others]) == list(range(len(batch)))
    for position, request in enumerate(batch):
        new = closely(request)
        if position in found:
            assert is_good(request, new)
            assert is_plain(request)
            user_id, type_, content = found[position]
            assert (user_id, type_) == (new.user_id, new.type)
            assert pb.SendNotificationRequest.FromString(content) == request
        elif position in clear:
            assert is_good(request, new)
            assert not is_plain(request)
            assert is_the_same(clear[position], new)
        else:
            assert pb.SendNotificationRequest.FromString(others[position]) == request
            # Only a text that a scan does not judge is left to a closer look.
            assert not is_good(request, new) or is_deep(request) or not is_simple(request)


def is_the_same(one: NewNotification, other: NewNotification) -> bool:
    """But for who has found it good, and that protobuf's bytes differ with the order in which it has facts."""
    assert in_order(pb.Notification.FromString(one.content)) == in_order(pb.Notification.FromString(other.content))
    return without_nan(one) == without_nan(other)


def in_order(message: Message) -> bytes:
    """Its bytes in an order of their own: a message with a NaN in it is not even itself."""
    return message.SerializeToString(deterministic=True)


def without_nan(new: NewNotification) -> NewNotification:
    """The same without its bytes, and with a name in the place of each NaN."""
    data = {key: "not a number" if value != value else value for key, value in new.data.items()}
    return msgspec.structs.replace(new, content=b"", is_good=False, data=data)


def is_deep(request: pb.SendNotificationRequest) -> bool:
    """Whether a fact holds others."""
    return any(one.HasField("struct_value") or one.HasField("list_value") for one in request.data.fields.values())


def is_simple(request: pb.SendNotificationRequest) -> bool:
    """Whether its texts are such as a scan judges."""
    text = request.title + request.user_id
    facts = "".join(key + one.string_value for key, one in request.data.fields.items())
    return text.isascii() and text.isprintable() and not request.title.startswith(" ") and "\x00" not in facts


@given(st.lists(requests(), min_size=1, max_size=4), st.data())
def test_strange_bytes_are_found_good_only_where_they_are_such_a_request(
    batch: list[pb.SendNotificationRequest], data: st.DataObject
) -> None:
    raw = bytearray(pb.StreamNotificationsRequest(requests=batch).SerializeToString())
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    whole = bytes(raw[: data.draw(st.one_of(st.just(len(raw)), st.integers(0, len(raw))))])
    found, _, _ = scanned(whole)
    for user_id, type_, content in found.values():
        request = known(pb.SendNotificationRequest, content)
        assert (request.user_id, request.type) == (user_id, type_)
        assert is_good(request, closely(request))
        assert is_plain(request)
    good = scan(whole, least=1)
    for row, new in zip(good.clear, reading.clear_in(good).values(), strict=True) if good is not None else ():
        request = known(pb.SendNotificationRequest, whole[row[SAID] : max(row[SAID_END], row[KEY_END])])
        assert is_good(request, closely(request))
        assert not is_plain(request)
        assert is_the_same(new, closely(request))


_Message = TypeVar("_Message", bound=Message)


def known(kind: type[_Message], content: bytes) -> _Message:
    """What these bytes are, of which nothing is unknown."""
    message = kind.FromString(content)
    without = kind.FromString(content)
    without.DiscardUnknownFields()
    assert in_order(without) == in_order(message)
    return message


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"order_id": "o-1", "instrument": "NSE:RELIANCE-EQ"},
        {"text": "₹ 5", "empty": "", "": "key"},
        {"number": 3.0, "text": "t"},
        {"yes": True, "nothing": None},
        {str(number): "v" for number in range(8 * 2)},
    ],
)
def test_the_facts_of_what_is_kept_are_those_that_protobuf_reads(data: dict[str, Any]) -> None:
    request = pb.SendNotificationRequest(user_id="alice", type=KEPT, title="t", dedupe_key="k")
    request.data.update(data)
    _, clear, _ = scanned(pb.StreamNotificationsRequest(requests=[request]).SerializeToString())
    assert clear[0].data == data
    assert is_the_same(clear[0], closely(request))


def scanned(
    raw: bytes,
) -> tuple[dict[int, tuple[str, str, bytes]], Mapping[int, NewNotification], Mapping[int, bytes]]:
    """What is plain, what is clear, and what is neither."""
    found = scan(raw, least=1)
    if found is None:
        return {}, {}, {}
    plain = found.plain
    types = [REALTIME_TYPES[number] for number in plain.rows[:, TYPE].tolist()]
    said = {
        position: (user_id, type_, content)
        for (position, content), user_id, type_ in zip(plain.said(), plain.user_ids, types, strict=True)
    }
    return said, reading.clear_in(found), found.others()


class Noon:
    """A clock that is looked at once a second."""

    def __init__(self) -> None:
        self._seconds = count()

    def now(self) -> datetime:
        return datetime(2099, 11, 27, 12, tzinfo=UTC) + timedelta(seconds=next(self._seconds))

    def monotonic(self) -> float:
        return 0.0


class Followers:
    """Everything that sending needs; keeps what is told."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        self.rows: list[Notification] = []

    async def insert(self, notifications: Sequence[Notification], dedupe_keys: Sequence[str]) -> list[Stored]:
        self.rows += notifications
        return [Stored(one.notification_id, one.created_us, duplicate=False) for one in notifications]

    async def publish(self, told: Bulk, remember: Mapping[str, str], newest_us: int) -> None:
        self.told += told_in(told)

    async def take(self, claims: Mapping[str, str]) -> dict[str, str]:
        return {}

    async def release(self, keys: Sequence[str]) -> None:
        raise AssertionError(keys)

    async def of_users(self, user_ids: Collection[str]) -> dict[str, Preferences]:
        return self.in_memory(user_ids)

    def in_memory(self, user_ids: Collection[str]) -> dict[str, Preferences]:
        choosy = Preferences(minimum_severity=Severity.CRITICAL)
        return {user_id: choosy if user_id == "bob" else DEFAULTS for user_id in user_ids}


async def sent(
    *arrivals: Arrival, together: bool = False
) -> tuple[list[tuple[Any, ...]], list[Notification], list[Any]]:
    """What is told and kept of batches, and what their sender is answered."""
    followers, numbers = Followers(), count(1)
    sender = Sender(followers, followers, followers, followers, Noon(), _ids(numbers), messages)
    if together:
        accepted = [await sender.accept(arrival, reading.path_in_batch) for arrival in arrivals]
        outcomes = await sender.tell_together(accepted)
    else:
        outcomes = [await sender.send_all(arrival, reading.path_in_batch) for arrival in arrivals]
    told = [
        (one.user_id, pb.WatchNotificationsResponse.FromString(one.frames), one.delivery_class, one.expires_us)
        for one in followers.told
    ]
    return told, followers.rows, [list(one) for one in outcomes]


def _ids(numbers: Any) -> Any:
    return lambda prefix, how_many: [f"{prefix}-{next(numbers)}" for _ in range(how_many)]


def arrival_of(batch: pb.StreamNotificationsRequest, caller: Principal) -> Arrival:
    read = reading.read_batch(batch.SerializeToString(), caller, pb.StreamNotificationsRequest)
    return reading.arrival_of(read, caller)


async def test_a_batch_is_sent_the_same_way_whether_it_is_scanned_or_looked_at_one_by_one() -> None:
    requests = [
        pb.SendNotificationRequest(
            user_id=("alice", "bob", "carol")[number % 3],
            type=KEPT if number % 5 == 0 else LIVE,
            title="₹ 5" if number % 7 == 0 else f"number {number}",
            message="m" * number,
            dedupe_key=f"k{number % 9}" if number % 4 == 0 else "",
            ttl_seconds=60 if number % 11 == 0 else 0,
        )
        for number in range(5 * WORTH_SCANNING)
    ]
    batch = pb.StreamNotificationsRequest(requests=requests)
    scanned = arrival_of(batch, CALLER)
    assert len(scanned.plain) > WORTH_SCANNING < len(scanned.news)
    closely = one_by_one([messages.new_notification(copy_of(one), one.user_id) for one in requests])
    assert await sent(scanned) == await sent(closely)


async def test_batches_that_are_told_together_are_told_as_one_after_the_other() -> None:
    # Scanned and not, with kept ones and without, and for some who do not want everything.
    plans = [(40, 10), (3, 2), (WORTH_SCANNING, 100), (1, 1), (60, 7), (WORTH_SCANNING, 1)]
    arrivals = [
        arrival_of(
            pb.StreamNotificationsRequest(
                requests=[
                    pb.SendNotificationRequest(
                        user_id=("alice", "bob", "carol")[number % 3],
                        type=KEPT if number % kept_every == kept_every - 1 else LIVE,
                        title=f"{batch} {number}",
                    )
                    for number in range(size)
                ]
            ),
            CALLER,
        )
        for batch, (size, kept_every) in enumerate(plans)
    ]
    told, rows, outcomes = await sent(*arrivals, together=True)
    assert (told, rows, outcomes) == await sent(*arrivals)
    assert len(told) > sum(size for size, _ in plans) / 2
    assert {len(one.user_id) for one in rows} == {3, 5}


async def test_who_may_not_tell_others_is_looked_at_one_by_one() -> None:
    requests = [pb.SendNotificationRequest(user_id="alice", type=LIVE, title="t")] * (2 * WORTH_SCANNING)
    batch = pb.StreamNotificationsRequest(requests=requests)
    arrival = arrival_of(batch, Principal("alice", frozenset({"trader"})))
    assert (len(arrival.plain), len(arrival.news)) == (0, len(requests))
