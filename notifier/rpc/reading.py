"""How a batch is read: what is plain or clear by its bytes, all others as protobuf has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, TypeVar

from google.protobuf.message import DecodeError, Message
from google.protobuf.struct_pb2 import Struct

from notifier.access import ME, recipient, tells_others
from notifier.arrival import NO_PLAIN, POSITION, Arrival, Plain
from notifier.notification import NOT_DECODED, NewNotification
from notifier.realtime.frames import tag_of_bytes
from notifier.rpc.messages import new_notification, plain_struct
from notifier.rpc.scanning import NAMES, Scanned, scan
from notifier.types import REALTIME
from tradewinds.auth import Principal
from tradewinds.errors import InvalidArgumentError
from tradewinds.v1 import notifier_pb2

Request = notifier_pb2.SendNotificationRequest
Requests = notifier_pb2.BatchSendNotificationsRequest | notifier_pb2.StreamNotificationsRequest
_NO_DATA: Final = tag_of_bytes(notifier_pb2.Notification.DESCRIPTOR.fields_by_name["data"].number) + b"\0"


class Read(NamedTuple):
    """A batch: what can be told of it as it came, and by their positions what is clear already and all other requests, without unknown
    fields."""

    plain: Plain
    clear: Mapping[int, NewNotification]
    others: Mapping[int, Request]


def read_batch(raw: bytes, caller: Principal, kind: type[Requests]) -> Read:
    """Raises `InvalidArgumentError` for bytes that are no such batch."""
    scanned = scan(raw) if tells_others(caller) else None
    try:
        if scanned is None:
            return Read(NO_PLAIN, {}, dict(enumerate(_known(kind.FromString(raw)).requests)))
        others = {place: _known(Request.FromString(one)) for place, one in scanned.others().items()}
    except DecodeError as e:
        raise InvalidArgumentError.field("requests", f"are not bytes of a {kind.DESCRIPTOR.full_name}") from e
    return Read(scanned.plain, clear_in(scanned), others)


def clear_in(scanned: Scanned) -> Mapping[int, NewNotification]:
    """What is clear of a batch, by its positions."""
    return {row[POSITION]: _clear(scanned, row) for row in scanned.clear}


def _clear(scanned: Scanned, row: Sequence[int]) -> NewNotification:
    """What `new_notification` says of a request of which a scan has found all parts."""
    raw, text = scanned.raw, scanned.text
    _, type_, user, user_end, said, said_end, bare, _, title, title_end, message, message_end, *behind = row
    data, data_end, key, key_end, facts, facts_end = behind
    name = NAMES[type_]
    return NewNotification(
        text[user:user_end],
        name,
        text[title:title_end],
        raw[message:message_end].decode(),
        NOT_DECODED
        if name in REALTIME
        else plain_struct(Struct.FromString(raw[data:data_end]))
        if facts_end < 0
        else {raw[a:b].decode(): raw[c:d].decode() for a, b, c, d in scanned.facts[facts:facts_end]},
        raw[key:key_end].decode(),
        0,
        raw[said:said_end] + _NO_DATA if bare else raw[said:said_end],
        is_good=True,
    )


def arrival_of(read: Read, caller: Principal) -> Arrival:
    """A batch of whose other requests (which this consumes) no one names a template any more. Raises `InvalidArgumentError` and
    `PermissionDeniedError`."""
    news = dict(read.clear)
    if read.others:
        news |= zip(read.others, new_notifications(read.others, caller), strict=True)
        news = dict(sorted(news.items()))
    return Arrival(list(news.values()), list(news), read.plain)


_Message = TypeVar("_Message", bound=Message)


def _known(message: _Message) -> _Message:
    message.DiscardUnknownFields()
    return message


def new_notifications(requests: Mapping[int, Request], caller: Principal) -> list[NewNotification]:
    """What requests of a batch, by their positions, without templates and request ids, which this consumes, ask for. Raises
    `PermissionDeniedError`."""
    # Asked once for a thousand: only what is wrong takes the long way.
    me, may_tell_others = caller.subject, tells_others(caller)
    return [
        new_notification(
            one,
            user_id
            if (user_id := one.user_id) == me or (may_tell_others and user_id not in ("", ME))
            else recipient(caller, user_id, f"{path_in_batch(position)}user_id"),
        )
        for position, one in requests.items()
    ]


def refuse_request_ids(requests: Mapping[int, Request]) -> None:
    """A batch has none."""
    for index, one in requests.items():
        if one.request_id:
            raise InvalidArgumentError.field(
                f"{path_in_batch(index)}request_id", "is for a call with one notification; give a dedupe_key instead"
            )


def path_in_batch(index: int) -> str:
    """Where one is in the request, for errors."""
    return f"requests[{index}]."
