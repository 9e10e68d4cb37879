"""What an order request came to, decided from the evidence alone (design §5.4, protocol §9). Pure.

The rule behind every line: *refused* and *not sent* let the order management try again or give up, so they are said only
of what is certain; everything else is *unknown* and is settled by the broker's own books.
"""

from __future__ import annotations

import re
from typing import Any

from engine_server.broker.angel_one.envelope import Envelope
from engine_server.broker.angel_one.evidence import Evidence
from engine_server.broker.port import Accepted, BrokerError, NotSent, Outcome, Refused, SessionExpiredError, Unknown

# Protocol §2.6: what a new login cures.
SESSION_CODES = frozenset({"AG8001", "AG8002", "AG8003", "AB1010", "AB1011", "AB8050", "AB8051"})

# "Something went wrong", "error not specified", "internal error": the back-end does not know what it did.
UNCLEAR_CODES = frozenset({"AB1004", "AB2000", "AB2001"})

# AB1007 is the back-end's catch-all; only these of its texts name a cause that excludes an order (protocol §3.17).
_GENERIC_CODE = "AB1007"
_DEFINITE_TEXT = re.compile(r"order not found|variety", re.IGNORECASE)

_BROKER_CODE = re.compile(r"^A[BG][0-9]{4}$")


def placement_outcome(evidence: Evidence) -> Outcome:
    """The outcome of placeOrder. Accepted needs the broker's order id: a yes without one cannot be followed up."""
    envelope = clear_answer(evidence)
    if isinstance(envelope, NotSent | Unknown):
        return envelope
    if not envelope.ok:
        return _refusal(envelope)
    broker_order_id = _identifier(envelope.data, "orderid")
    if not broker_order_id:
        return Unknown(f"the broker said yes and named no order: {evidence.describe()}")
    return Accepted(broker_order_id, _identifier(envelope.data, "uniqueorderid"))


def cancel_outcome(evidence: Evidence, broker_order_id: str) -> Outcome:
    """The outcome of cancelOrder. Accepted: the request was taken; the order's own report says whether it is cancelled."""
    envelope = clear_answer(evidence)
    if isinstance(envelope, NotSent | Unknown):
        return envelope
    return Accepted(broker_order_id, _identifier(envelope.data, "uniqueorderid")) if envelope.ok else _refusal(envelope)


def clear_answer(evidence: Evidence) -> Envelope | NotSent | Unknown:
    """The broker's yes or no; otherwise what the lack of one means.

    The status of a 2xx or 4xx is not looked at, as in the broker's own client: its errors come with 200 and with 4xx
    (protocol §11.4). Behind a 5xx or a redirect nobody knows who answered.
    """
    if not evidence.begun:
        return NotSent(evidence.failure)
    envelope = evidence.envelope
    if envelope is None or envelope.ok is None or evidence.http_status // 100 not in (2, 4):
        return Unknown(evidence.describe())
    return envelope


def _refusal(envelope: Envelope) -> Outcome:
    """A no. A rejected session is unknown as well: the gateway is thought not to have passed the order on, yet it has to
    be confirmed in the books after the new login before anything is sent again (protocol §9). So is the access-rate
    answer, which has no envelope and never gets here.
    """
    words = f"{envelope.message or 'no reason given'} ({envelope.code or 'no code'})"
    if envelope.code in SESSION_CODES:
        return Unknown(f"the session is no longer valid: {words}")
    if envelope.code in UNCLEAR_CODES or not _BROKER_CODE.match(envelope.code):
        return Unknown(words)
    if envelope.code == _GENERIC_CODE and not _DEFINITE_TEXT.search(envelope.message):
        return Unknown(words)
    return Refused(envelope.code, envelope.message)


def is_session_expired(evidence: Evidence) -> bool:
    """Whether the broker said that it does not know our session (any more)."""
    envelope = evidence.envelope if evidence.begun else None
    return envelope is not None and envelope.ok is False and envelope.code in SESSION_CODES


def read_data(evidence: Evidence, what: str) -> Any:
    """The data of a clean read; raises `SessionExpiredError` or `BrokerError`. A failed read says nothing about any order."""
    if is_session_expired(evidence):
        raise SessionExpiredError(f"{what}: the broker no longer knows the session; log in again")
    envelope = clear_answer(evidence)
    if isinstance(envelope, NotSent | Unknown):
        raise BrokerError(f"{what} could not be read: {envelope.message}")
    if not envelope.ok:
        raise BrokerError(f"{what} was refused: {envelope.message} ({envelope.code})", metadata={"code": envelope.code})
    return envelope.data


def says_no_such_order(evidence: Evidence) -> bool:
    """Whether order details were answered with "no such order" (protocol §3.5), which is an answer and not a failure."""
    envelope = clear_answer(evidence)
    if isinstance(envelope, NotSent | Unknown) or envelope.ok:
        return False
    return envelope.code == "AB1013" or (
        envelope.code == _GENERIC_CODE and "order not found" in envelope.message.lower()
    )


def _identifier(data: Any, key: str) -> str:
    value = data.get(key) if isinstance(data, dict) else None
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
