"""The verdict of a run of orders under faults, in the words of its line: dup, lost, zombie, overexit."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tests.robustness.evidence import Evidence, Row

_NOT_KNOWN = ("UNKNOWN", "SUBMITTING", "PENDING_SUBMIT")
_GIVEN_UP = ("NOT_PLACED", "DENIED")

# How long an order stayed UNKNOWN, at the most.
UNKNOWN_SECONDS = """
SELECT coalesce(max(extract(epoch FROM next_at - recorded_at)), 0)::float8 AS seconds FROM (
    SELECT state, recorded_at, min(recorded_at) FILTER (WHERE state <> 'UNKNOWN') OVER (
        PARTITION BY order_id ORDER BY sequence ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
    ) AS next_at FROM order_events WHERE order_id IS NOT NULL
) told WHERE state = 'UNKNOWN'
"""


@dataclass(frozen=True)
class Verdict:
    """What went wrong, counted."""

    ops: int
    acked: int
    dup: int
    lost: int
    zombie: int
    overexit: int

    @property
    def is_clean(self) -> bool:
        return not (self.dup or self.lost or self.zombie or self.overexit)

    def __str__(self) -> str:
        return " ".join(f"{name}={value}" for name, value in vars(self).items())


def judge(evidence: Evidence) -> Verdict:
    """The broker's truth against our rows."""
    rows = {row["tag"]: row for row in evidence.orders}
    at_broker = Counter(order["tag"] for order in evidence.broker_orders.values())
    theirs = {order["tag"]: order for order in evidence.broker_orders.values()}
    lost = sum(
        tag not in rows or rows[tag]["filled_quantity"] != order["filled"] for tag, order in theirs.items()
    ) + sum(row["state"] in _NOT_KNOWN for row in evidence.orders)
    given_up = {row["tag"] for row in evidence.orders if row["state"] in _GIVEN_UP}
    return Verdict(
        ops=len(evidence.orders),
        acked=len(at_broker),
        dup=sum(count - 1 for count in at_broker.values()),
        lost=lost,
        zombie=sum(tag in given_up for tag in at_broker),
        overexit=_overexits(evidence, rows),
    )


def _overexits(evidence: Evidence, rows: dict[str, Row]) -> int:
    """Fills after which a strategy was short at the broker: these runs only ever buy to enter, so an exit closed too much."""
    net, beyond = Counter[tuple[str, str]](), 0
    for fill in evidence.fills:
        row = rows.get(evidence.broker_orders[fill["order_id"]]["tag"], {})
        line = (str(row.get("config_id")), str(fill["symbol"]))
        net[line] += signed(fill)
        beyond += net[line] < 0
    return beyond


def signed(fill: Row) -> int:
    """Units that a fill adds."""
    return int(fill["quantity"]) if fill["side"] == "BUY" else -int(fill["quantity"])
