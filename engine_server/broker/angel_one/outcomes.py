"""What an order request came to, decided from the evidence alone (design §5.4, protocol §9). Pure.

The rule behind every line: *refused* and *not sent* let the order management try again or give up, so they are said only
of what is certain; everything else is *unknown* and is settled by the broker's own books.
"""

from __future__ import annotations

import re
from typing import Any

from engine_server.broker.angel_one.codes import (
    CONFIGURATION,
    GENERIC_CODE,
    SESSION_CODES,
    UNCLEAR_CODES,
    described,
    explained,
)
from engine_server.broker.angel_one.envelope import Envelope
from engine_server.broker.angel_one.evidence import Evidence
from engine_server.broker.port import (
    Accepted,
    BrokerError,
    NotConfiguredError,
    NotSent,
    Outcome,
    Refused,
    SessionExpiredError,
    ThrottledError,
    Unknown,
)

# AB1007 is the back-end's catch-all; only these of its texts name a cause that excludes an order (protocol §3.17).
_DEFINITE_TEXT = re.compile(r"order not found|variety", re.IGNORECASE)

_BROKER_CODE = re.compile(r"^A[BG][0-9]{4}$")

# HTTP 403 with plain text (protocol §1.3); the documentation words it both ways.
_TOO_FAST_TEXT = re.compile(r"exceeding (the )?(access rate|rate limit)", re.IGNORECASE)


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


def request_outcome(evidence: Evidence, broker_order_id: str = "") -> Outcome:
    """The outcome of a cancel, a change or a conversion. Accepted: the request was taken; the order's own report, or the
    positions, say what became of it.
    """
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
    if envelope.code == GENERIC_CODE and not _DEFINITE_TEXT.search(envelope.message):
        return Unknown(words)
    return Refused(envelope.code, described(envelope.code, envelope.message or "no reason given"))


def is_session_expired(evidence: Evidence) -> bool:
    """Whether the broker said that it does not know our session (any more)."""
    envelope = evidence.envelope if evidence.begun else None
    return envelope is not None and envelope.ok is False and envelope.code in SESSION_CODES


def is_throttled(evidence: Evidence) -> bool:
    """Whether the broker said that this was one request too many. Only its words tell: a 403 is many things there."""
    if not evidence.begun or evidence.http_status // 100 != 4:
        return False
    envelope = evidence.envelope
    words = envelope.message if envelope is not None else evidence.body[:300].decode("utf-8", "replace")
    return (envelope is None or envelope.ok is not True) and bool(_TOO_FAST_TEXT.search(words))


def configuration_problem(evidence: Evidence) -> str:
    """What nobody but a person can mend (address, key, blocked client), in the broker's words and with the remedy."""
    envelope = evidence.envelope if evidence.begun else None
    if envelope is None or envelope.ok is not False or envelope.code not in CONFIGURATION:
        return ""
    return explained(envelope.code, envelope.message)


def read_data(evidence: Evidence, what: str) -> Any:
    """The data of a clean read. A failed read says nothing about any order.

    Raises `SessionExpiredError`, `ThrottledError`, `NotConfiguredError`, and for everything else `BrokerError`, with the
    broker's code in its metadata where there is one.
    """
    if is_session_expired(evidence):
        raise SessionExpiredError(f"{what}: the broker no longer knows the session; log in again")
    if is_throttled(evidence):
        raise ThrottledError(f"{what} could not be read: the broker refused it twice as too many requests")
    if problem := configuration_problem(evidence):
        raise NotConfiguredError(f"{what} was refused: {problem}", metadata=_code_of(evidence))
    envelope = clear_answer(evidence)
    if isinstance(envelope, NotSent | Unknown):
        raise BrokerError(f"{what} could not be read: {envelope.message}")
    if not envelope.ok:
        words = explained(envelope.code, envelope.message)
        raise BrokerError(f"{what} was refused: {words}", metadata=_code_of(evidence))
    return envelope.data


def may_pass(evidence: Evidence) -> bool:
    """Whether the same read may well succeed a moment later: no clear answer, or "something went wrong" (protocol §8, 15)."""
    if is_session_expired(evidence) or is_throttled(evidence):
        return False
    envelope = clear_answer(evidence)
    return isinstance(envelope, NotSent | Unknown) or (not envelope.ok and envelope.code in UNCLEAR_CODES)


def _code_of(evidence: Evidence) -> dict[str, str]:
    return {"code": evidence.envelope.code} if evidence.envelope is not None else {}


def says_no_such_order(evidence: Evidence) -> bool:
    """Whether order details were answered with "no such order" (protocol §3.5), which is an answer and not a failure."""
    envelope = clear_answer(evidence)
    if isinstance(envelope, NotSent | Unknown) or envelope.ok:
        return False
    return envelope.code == "AB1013" or (
        envelope.code == GENERIC_CODE and "order not found" in envelope.message.lower()
    )


def _identifier(data: Any, key: str) -> str:
    value = data.get(key) if isinstance(data, dict) else None
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
