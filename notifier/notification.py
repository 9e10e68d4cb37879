"""A notification, and what makes a new one acceptable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from notifier.types import TYPES, Severity, type_of
from tradewinds.errors import FieldViolation, InvalidArgumentError

MAXIMUM_TITLE: Final = 200
MAXIMUM_MESSAGE: Final = 4_000
MAXIMUM_DATA_BYTES: Final = 8 * 1024
MAXIMUM_DEDUPE_KEY: Final = 200
MAXIMUM_USER_ID: Final = 128
MAXIMUM_TTL_SECONDS: Final = 30 * 24 * 3600
MAXIMUM_BATCH: Final = 1_000
_NUL: Final = "holds a NUL character, which PostgreSQL cannot keep; leave it out"
# JSON takes at most six bytes where protobuf takes one (an escaped control character).
SURELY_SMALL: Final = MAXIMUM_DATA_BYTES // 6


class Notification(msgspec.Struct, frozen=True):
    """One accepted notification."""

    notification_id: str
    user_id: str
    type: str
    severity: Severity
    title: str
    message: str
    data: dict[str, Any]
    created_us: int  # epoch microseconds, real time
    persisted: bool
    read_us: int | None = None
    must_acknowledge: bool = False
    acknowledged_us: int | None = None
    acknowledged_by: str = ""
    expires_us: int | None = None


# Stands for the facts that are in `content`.
NOT_DECODED: Final[Mapping[str, Any]] = {}


class NewNotification(msgspec.Struct, frozen=True, gc=False):
    """What a caller asks to be told to `user_id`; `dedupe_key` is empty where it may be told twice, `ttl_seconds` 0 where it does not
    expire. `content` are the bytes of all that as the contract's Notification, where it came in such bytes; then `data` may be in there
    alone (`NOT_DECODED`). `is_good`: whoever read these bytes has found already that `check` would find nothing.
    """

    user_id: str
    type: str
    title: str
    message: str = ""
    data: Mapping[str, Any] = {}
    dedupe_key: str = ""
    ttl_seconds: int = 0
    content: bytes = b""
    is_good: bool = False


def is_plainly_good(new: NewNotification) -> bool:
    """Whether `check` would find nothing, found out cheaply; False where that takes a closer look."""
    if new.is_good:
        return True
    title, message, user_id, dedupe_key = new.title, new.message, new.user_id, new.dedupe_key
    return (
        0 < len(new.content) <= SURELY_SMALL
        and new.type in TYPES
        and 0 < len(title) <= MAXIMUM_TITLE
        and title.isprintable()
        and not title.isspace()
        and len(message) <= MAXIMUM_MESSAGE
        and "\x00" not in message
        and len(user_id) <= MAXIMUM_USER_ID
        and "\x00" not in user_id
        and (not dedupe_key or (len(dedupe_key) <= MAXIMUM_DEDUPE_KEY and "\x00" not in dedupe_key))
        and (not new.ttl_seconds or 0 < new.ttl_seconds <= MAXIMUM_TTL_SECONDS)
        and not (new.data and _holds_nul(new.data))  # those of what is kept are decoded
    )


def check(new: NewNotification, prefix: str = "", data: Mapping[str, Any] | None = None) -> None:
    """Raise `InvalidArgumentError` with every wrong field of `new`; `prefix` (`requests[3].`) says which one of a batch it is,
    `data` its facts where they are not decoded in it.
    """
    type_of(new.type, f"{prefix}type")
    violations = tuple(
        FieldViolation(f"{prefix}{name}", what) for name, what in _problems(new, new.data if data is None else data)
    )
    if violations:
        first = violations[0]
        raise InvalidArgumentError(f"{first.field}: {first.description}", violations=violations)


def _problems(new: NewNotification, data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if not new.title.strip():
        yield "title", "is empty; say in one line what happened"
    if not new.title.isprintable():
        # A line break in it would become a header of its own in an e-mail.
        yield "title", "holds a line break or another control character; put what needs lines into message"
    limits = (
        ("user_id", new.user_id, MAXIMUM_USER_ID),
        ("title", new.title, MAXIMUM_TITLE),
        ("message", new.message, MAXIMUM_MESSAGE),
        ("dedupe_key", new.dedupe_key, MAXIMUM_DEDUPE_KEY),
    )
    for name, value, maximum in limits:
        if len(value) > maximum:
            yield name, f"has {len(value)} characters, at most {maximum} are allowed"
        if "\x00" in value:
            yield name, _NUL
    if not 0 <= new.ttl_seconds <= MAXIMUM_TTL_SECONDS:
        yield "ttl_seconds", f"is {new.ttl_seconds}, 0 (never) to {MAXIMUM_TTL_SECONDS} are allowed"
    size = len(msgspec.json.encode(dict(data)))
    if size > MAXIMUM_DATA_BYTES:
        yield "data", f"has {size} bytes as JSON, at most {MAXIMUM_DATA_BYTES} are allowed; send ids, not documents"
    if type_of(new.type).persisted and _holds_nul(data):
        yield "data", _NUL


def _holds_nul(value: object) -> bool:
    match value:
        case str():
            return "\x00" in value
        case Mapping():
            return any(_holds_nul(key) or _holds_nul(one) for key, one in value.items())
        case list() | tuple():
            return any(map(_holds_nul, value))
    return False
