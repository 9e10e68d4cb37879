"""What the OMS measures."""

from __future__ import annotations

from functools import cache

from prometheus_client import Counter, Gauge, Histogram

_BUCKETS = (0.0005, 0.001, 0.002, 0.004, 0.006, 0.012, 0.025, 0.05, 0.1, 0.25, 1, 5)

EVENTS = Counter("tradewinds_order_events_total", "Order events committed, by kind and state after", ["kind", "state"])
WORKING = Gauge("tradewinds_orders_working", "Orders that have not ended, by state", ["account_id", "state"])
ADMISSION = Histogram("tradewinds_order_admission_seconds", "PlaceOrder to committed intent", buckets=_BUCKETS)
SEND = Histogram("tradewinds_order_send_seconds", "Committed intent to the broker's answer", buckets=_BUCKETS)
SEND_START = Histogram("tradewinds_order_send_start_seconds", "PlaceOrder to the call of the broker", buckets=_BUCKETS)
COMMITS = Counter("tradewinds_oms_commits_total", "Group commits", ["account_id"])
OUTCOMES = Counter("tradewinds_order_outcomes_total", "The broker's answers", ["verb", "outcome"])
UNKNOWN_RESOLVED = Counter("tradewinds_orders_unknown_resolved_total", "How unknown orders were resolved", ["how"])
FOREIGN = Gauge("tradewinds_orders_foreign", "Orders of today in the broker's book that are not ours", ["account_id"])
POSITION_DIFFERENCES = Gauge(
    "tradewinds_position_differences", "Lines in which our books differ from the broker's at start-up", ["account_id"]
)
GATE_OPEN = Gauge("tradewinds_account_gate_open", "1 while the account may trade", ["account_id"])
LOST_EVENTS = Counter("tradewinds_order_log_overflows_total", "Subscribers that had to read the log again")


# Finding a counter by its labels takes longer than counting, and every order is counted: each is found once.
@cache
def events_of(kind: str, state: str) -> Counter:
    """Of `EVENTS`, the one with these labels."""
    return EVENTS.labels(kind, state)


@cache
def commits_of(account_id: str) -> Counter:
    """Of `COMMITS`, the one with this label."""
    return COMMITS.labels(account_id)


@cache
def outcomes_of(verb: str, outcome: str) -> Counter:
    """Of `OUTCOMES`, the one with these labels."""
    return OUTCOMES.labels(verb, outcome)
