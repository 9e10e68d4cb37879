"""The faults this broker knows, by the place where they live."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class FaultName(StrEnum):
    """The comment after each line of a group says what its `route` filter is compared with."""

    # At the HTTP door: the path of the request, or its last part ("placeOrder").
    LATENCY = "latency"
    TIMEOUT_BEFORE_ACCEPT = "timeout_before_accept"
    REFUSE_403 = "refuse_403"
    HTML_504 = "html_504"
    IP_REJECT = "ip_reject"
    SESSION_EXPIRE = "session_expire"
    TOTP_REJECT = "totp_reject"
    CLIENT_BLOCK = "client_block"
    ACCEPT_THEN_TIMEOUT = "accept_then_timeout"
    ACCEPT_THEN_RESET = "accept_then_reset"
    ACCEPT_THEN_EMPTY_BODY = "accept_then_empty_body"
    ACCEPT_THEN_HTML = "accept_then_html"
    TRUNCATED_BODY = "truncated_body"
    LATE_REPLY = "late_reply"
    STATUS_TRUE_NO_ORDERID = "status_true_no_orderid"
    WRONG_ORDERID = "wrong_orderid"
    BOOK_LAG = "book_lag"

    # On the sockets: "market" or "orders".
    WS_DUPLICATE = "ws_duplicate"
    WS_REORDER = "ws_reorder"
    WS_DROP = "ws_drop"
    WS_DELAY = "ws_delay"
    WS_GARBAGE = "ws_garbage"
    WS_WRONG_LENGTH = "ws_wrong_length"
    WS_CLOSE = "ws_close"
    WS_HALF_OPEN = "ws_half_open"

    # At the exchange: "NSE:3045".
    ASYNC_REJECT = "async_reject"
    MARGIN_REJECT = "margin_reject"
    LATE_FILL_AFTER_CANCEL = "late_fill_after_cancel"
    OVERFILL = "overfill"
    INDEX_HALT = "index_halt"
    CORPORATE_ACTION = "corporate_action"

    # In the prices: "NSE:3045".
    TICK_GAP = "tick_gap"
    TICK_NAN = "tick_nan"
    PRICE_ABSURD = "price_absurd"


DETAILS: Mapping[FaultName, frozenset[str]] = {
    FaultName.CORPORATE_ACTION: frozenset({"kind", "ratio"}),
}
"""What a fault may be told beyond the fields of every fault, in its `details` object."""
