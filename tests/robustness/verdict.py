"""The verdict of a run of orders under faults, in the words of its line: dup, lost, zombie, overexit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from engine_server.oms.records import OrderEventRecord, OrderRecord
from tests.robustness.checker import tag_of
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


def judge(evidence: Evidence, log: Sequence[OrderEventRecord] = ()) -> Verdict:
    """The broker's truth against our rows, and our log against itself."""
    rows = {row["tag"]: row for row in evidence.orders}
    at_broker = Counter(tag_of(order) for order in evidence.broker_orders.values())
    theirs = {tag_of(order): order for order in evidence.broker_orders.values()}
    lost = sum(
        tag not in rows or rows[tag]["filled_quantity"] != order["filled"] for tag, order in theirs.items()
    ) + sum(row["state"] in _NOT_KNOWN for row in evidence.orders)
    # Once is enough: a zombie that is found later, and booked after all, was sent by nobody who might.
    given_up = {event["order_id"] for event in evidence.events if event["state"] in _GIVEN_UP}
    return Verdict(
        ops=len(evidence.orders),
        acked=len(at_broker),
        dup=sum(count - 1 for count in at_broker.values()),
        lost=lost,
        zombie=sum(tag in rows and rows[tag]["order_id"] in given_up for tag in at_broker),
        overexit=_overexits(evidence, rows) + len(list(exits_beyond_what_was_open(log))),
    )


def _overexits(evidence: Evidence, rows: dict[str, Row]) -> int:
    """Fills after which a strategy's own orders have sold more than they bought: these runs only ever buy to enter."""
    net, beyond = Counter[tuple[str, str]](), 0
    for fill in evidence.fills:
        row = rows.get(tag_of(evidence.broker_orders[fill["order_id"]]), {})
        if row.get("config_id") is None or row["origin"] == "EXTERNAL":
            continue
        line = (str(row["config_id"]), str(fill["symbol"]))
        net[line] += signed(fill)
        beyond += net[line] < 0
    return beyond


def exits_beyond_what_was_open(log: Sequence[OrderEventRecord]) -> Iterator[str]:
    """The account's log told again: no exit was let in for more than was open by all that was known then, what other exits of the same
    owner may still close left out. What somebody sells in the broker's app counts from when it was booked."""
    orders: dict[str, OrderRecord] = {}
    nets = Counter[tuple[str, str, str]]()
    for event in log:
        order, trade = event.order, event.trade
        if order is None:
            continue
        if order.order_id not in orders and order.is_exit and order.state != "DENIED":
            line = (order.config_id or "", order.instrument, order.product)
            left = nets[line] * (1 if order.side == "SELL" else -1) - _still_closing(orders.values(), order)
            if order.quantity > left:
                yield f"{order.order_id} ({order.side} {order.quantity} {line}) closes more than the {left} that were open"
        orders[order.order_id] = order
        if trade is not None:
            counted = {trade.config_id or ""} | ({""} if event.kind != "ATTRIBUTED" else set())
            for config_id in counted:
                quantity = trade.quantity if trade.side == "BUY" else -trade.quantity
                nets[config_id, trade.instrument, trade.product] += quantity


def _still_closing(orders: Iterable[OrderRecord], of: OrderRecord) -> int:
    """What working exits of the same owner, line and side may still fill."""
    line = (of.config_id, of.instrument, of.product, of.side)
    return sum(
        other.remaining
        for other in orders
        if other.is_exit
        and not other.state.is_terminal
        and (other.config_id, other.instrument, other.product, other.side) == line
    )


def signed(fill: Row) -> int:
    """Units that a fill adds."""
    return int(fill["quantity"]) if fill["side"] == "BUY" else -int(fill["quantity"])
