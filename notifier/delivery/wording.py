"""How a message reads on a channel: within its length, in plain text, nothing of it taken for markup or a header. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

from notifier.delivery.message import Message
from notifier.types import TYPES
from tradewinds.clock import ist

SMS_SEGMENTS: Final = 3
TELEGRAM_CHARACTERS: Final = 4_096
PUSH_BODY_CHARACTERS: Final = 1_000
_GSM_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENDED: Final = frozenset("^{}\\[~]|€\f")
# What travels to a service worker, and what of that a person looks for.
_FACTS: Final = ("instrument", "config_id", "account_id", "order_id", "state", "reason")
_LABELS: Final = {"instrument": "Instrument", "config_id": "Strategy", "account_id": "Account"}
# One character outside the GSM alphabet makes each segment 67 characters instead of 153.
_IN_GSM: Final = str.maketrans(
    {
        "₹": "Rs ",
        "…": "...",
        "–": "-",
        "—": "-",
        "−": "-",
        "×": "x",
        "‘": "'",
        "’": "'",
        "“": '"',
        "”": '"',
        "\u00a0": " ",
    }
)


@dataclass(frozen=True)
class SmsSize:
    """What a text costs: its encoding, its length in that encoding's units, and how many segments are paid for (3GPP TS 23.040)."""

    encoding: str
    units: int
    segments: int


def sms_size(text: str) -> SmsSize:
    """The size of `text` as a text message."""
    if all(c in _GSM_BASIC or c in _GSM_EXTENDED for c in text):
        units = sum(2 if c in _GSM_EXTENDED else 1 for c in text)
        return SmsSize("GSM-7", units, _segments(units, 160, 153))
    units = len(text.encode("utf-16-be")) // 2
    return SmsSize("UCS-2", units, _segments(units, 70, 67))


def _segments(units: int, single: int, each: int) -> int:
    return 1 if units <= single else math.ceil(units / each)


def sms_text(message: Message) -> str:
    """The template's own words, which must be what was registered; else title and text in the GSM alphabet as far as that goes, cut to
    three segments."""
    if own := message.part.get("text"):
        return own
    text = _joined(message, ": ").translate(_IN_GSM)
    while sms_size(text).segments > SMS_SEGMENTS:
        text = text[: len(text) * 9 // 10].rstrip(".") + "..."
    return text


def telegram_text(message: Message) -> str:
    """Plain: no parse mode is asked for, so that nothing in it is markup."""
    text = message.part.get("text") or _joined(message, "\n")
    return text if len(text) <= TELEGRAM_CHARACTERS else text[: TELEGRAM_CHARACTERS - 1] + "…"


def email_text(message: Message) -> str:
    """Title, text, the facts that a person looks for, and how to acknowledge what must be."""
    if own := message.part.get("text"):
        return own
    facts = [f"{label}: {message.data[name]}" for name, label in _LABELS.items() if message.data.get(name)]
    facts.append(f"Time: {ist(message.created_at):%d %b %Y %H:%M:%S} IST")
    parts = (message.title, message.body, "\n".join(facts), _acknowledge(message))
    return "\n\n".join(part for part in parts if part) + "\n"


def _acknowledge(message: Message) -> str:
    kind = TYPES.get(message.type)
    if kind is None or not kind.must_acknowledge:
        return ""
    return (
        "It is told again, and to whoever is next on your ladder, until somebody acknowledges it:\n"
        f"tradewinds notifications ack {message.notification_id}"
    )


def plain_text(message: Message) -> str:
    """For services that take a title beside it."""
    return message.part.get("text") or message.body or message.title


def push_payload(message: Message) -> dict[str, Any]:
    """What a service worker gets; a push service takes about 4 KB, so that of the facts only ids travel."""
    return {
        "notification_id": message.notification_id,
        "type": message.type,
        "severity": message.severity.name,
        "title": message.title,
        "body": (message.part.get("text") or message.body)[:PUSH_BODY_CHARACTERS],
        "data": {name: message.data[name] for name in _FACTS if isinstance(message.data.get(name), str)},
    }


def _joined(message: Message, glue: str) -> str:
    return f"{message.title}{glue}{message.body}" if message.body else message.title
