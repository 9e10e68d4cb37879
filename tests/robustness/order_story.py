"""Whether `orders explain` tells a stranger what happened to an order: asked over the API, compared with the log and the broker's truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from engine_server.oms.domain.states import TRANSITIONS, OrderState
from tests.integration.oms.trading_server import Trading
from tests.robustness.checker import tag_of
from tests.robustness.evidence import Evidence, Row
from tradewinds.v1 import trading_pb2 as pb

# What the broker alone can know, and says in two places.
_REPORTED = ("REPORTED", "FILLED", "LATE_FILL", "OVERFILLED", "RESURFACED", "APPEARED")
_SOURCES = ("its order stream", "its order book")
_ASKED = ("order.place", "order.deny", "order.send_again")
# After these an order goes on that had ended already.
_AFTER_THE_END = ("LATE_FILL", "OVERFILLED")


@dataclass(frozen=True)
class Facts:
    """What is known of an order without its story."""

    row: Row
    at_broker: Row | None
    states: Sequence[str]  # of its events, in the order of the log
    attempts: int  # at its intent, after the first
    was_sent: bool  # its placement reached the broker


def facts_of(evidence: Evidence) -> Mapping[str, Facts]:
    """Of every order, by id."""
    theirs = {tag_of(order): order for order in evidence.broker_orders.values()}
    sent = {placement["body"].get("ordertag") for placement in evidence.placements}
    states: dict[str, list[str]] = {}
    for event in evidence.events:
        states.setdefault(event["order_id"], []).append(event["state"])
    later: dict[str, int] = {}
    for row in evidence.orders:
        later[row["intent_id"]] = later.get(row["intent_id"], 0) + (row["attempt"] > 1)
    return {
        row["order_id"]: Facts(
            row, theirs.get(row["tag"]), states[row["order_id"]], later[row["intent_id"]], row["tag"] in sent
        )
        for row in evidence.orders
    }


async def untold(trading: Trading, evidence: Evidence) -> list[str]:
    """What the stories of all orders leave out."""
    known, missing = facts_of(evidence), []
    for order_id, facts in known.items():
        request = pb.ExplainOrderRequest(order_id=order_id)
        story = await trading.stub.ExplainOrder(request, metadata=trading.as_("asha"))
        missing += [f"{order_id}: {words}" for words in left_out(story, facts)]
    return missing


def left_out(story: Any, facts: Facts) -> Iterator[str]:
    """Of one order: who asked, every state and how it came to be known, what was filled, the tag, the attempts, and the end."""
    row, lines = facts.row, list(story.lines)
    told = [(line.what, pb.OrderState.Name(line.state).removeprefix("ORDER_STATE_")) for line in lines if line.state]
    if [state for _, state in told] != list(facts.states):
        yield f"its log went through {facts.states}, told is {told}"
    yield from _impossible(told)
    if not told or told[-1][1] != row["state"]:
        yield f"it ended as {row['state']}, told is {told[-1:]}"
    if row["tag"] not in story.summary or story.order.tag != row["tag"]:
        yield f"its tag {row['tag']} is not told"
    if row["state"] not in story.summary or (row["reason"] and row["reason"] not in story.summary):
        yield f"why it is {row['state']} ({row['reason']}) is not told: {story.summary}"
    if len(story.attempts) < facts.attempts:  # an exit that never got there may go again meanwhile
        yield f"{facts.attempts} later attempts, told are {len(story.attempts)}"
    asked = [line.what for line in lines if line.what in _ASKED]
    if row["origin"] == "CALLER" and len(asked) != 1:
        yield f"who asked for it, and what for, is not told: {asked}"
    if facts.was_sent and not any(state in ("SUBMITTING", "UNKNOWN") for _, state in told):
        yield "that it was sent is not told"
    yield from _of_the_broker(story, facts)


def _impossible(told: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Steps that an order cannot have made: then something between them is missing."""
    for (_, before), (what, after) in pairwise(told):
        if after != before and what not in _AFTER_THE_END and OrderState(after) not in TRANSITIONS[OrderState(before)]:
            yield f"from {before} to {after} by {what}"


def _of_the_broker(story: Any, facts: Facts) -> Iterator[str]:
    if facts.at_broker is None:
        return
    if not any(facts.at_broker["order_id"] in line.text for line in story.lines):
        yield f"the broker's id {facts.at_broker['order_id']} is not told"
    for line in story.lines:
        if line.what in _REPORTED and not any(source in line.text for source in _SOURCES):
            yield f"from where {line.what} is known is not told: {line.text}"
    filled = sum(trade.quantity for trade in story.trades)
    if filled != facts.at_broker["filled"]:
        yield f"{facts.at_broker['filled']} were filled, told are {filled}"
