"""What must be true after any fault, as pure functions over the evidence: each returns the violations that it sees.

The broker's truth log is the oracle. `unsettled` are orders whose fate may still be open (they are younger than the bound
within which it has to be known); nothing but the promises that hold at any instant is asked of them.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from itertools import groupby, pairwise

from tests.robustness.evidence import Evidence, Row

UNSETTLED_STATES = frozenset({"PENDING_SUBMIT", "SUBMITTING", "UNKNOWN"})
_AT_BROKER = {
    "OPEN": "open",
    "PARTIALLY_FILLED": "open",
    "FILLED": "complete",
    "CANCELLED": "cancelled",
    "REJECTED": "rejected",
}
_CLAIMS_TO_BE_THERE = frozenset({"OPEN", "PARTIALLY_FILLED", "FILLED"})
_NEVER_AT_BROKER = frozenset({"NOT_PLACED", "DENIED"})
_BROKER_WORKING = frozenset({"validation pending", "open pending", "open", "trigger pending"})
_SECOND_NS = 1_000_000_000
_TICK = Decimal("0.0001")  # prices are kept with four decimals
_PRODUCTS = {"INTRADAY": "MIS", "DELIVERY": "CNC", "CARRYFORWARD": "NRML"}


def violations(evidence: Evidence, unsettled: frozenset[str] = frozenset()) -> list[str]:
    """Everything that is wrong; empty when all promises were kept."""
    return [f"{check.__name__}: {words}" for check in CHECKS for words in check(evidence, unsettled)]


def sent_at_most_once(evidence: Evidence, _unsettled: frozenset[str]) -> Iterator[str]:
    """No tag reached the broker twice, and nothing reached it whose intent is not a row of ours with the same facts."""
    rows = {row["tag"]: row for row in evidence.orders}
    tags = Counter(placement["body"].get("ordertag", "") for placement in evidence.placements)
    yield from (f"tag {tag} was sent {times} times" for tag, times in tags.items() if times > 1)
    for placement in evidence.placements:
        body = placement["body"]
        row = rows.get(body.get("ordertag", ""))
        if row is None:
            yield f"truth record {placement['seq']}: tag {body.get('ordertag')!r} is no order of ours"
        elif (row["side"], str(row["quantity"])) != (body["transactiontype"], body["quantity"]):
            yield f"{row['order_id']} is {row['side']} {row['quantity']}, sent was {body}"


def most_in_a_second(evidence: Evidence) -> int:
    """How many placements, changes and cancels arrived at the broker in any one second, those that it refused among them."""
    arrived, most = deque[int](), 0
    for at in sorted(request["received_mono_ns"] for request in evidence.order_requests):
        arrived.append(at)
        while at - arrived[0] >= _SECOND_NS:
            arrived.popleft()
        most = max(most, len(arrived))
    return most


def never_forgotten(evidence: Evidence, unsettled: frozenset[str]) -> Iterator[str]:
    """Every order at the broker is a row of ours that says the same, and every row that claims to be there is there."""
    rows = {row["tag"]: row for row in evidence.orders}
    theirs = {tag_of(order): order for order in evidence.broker_orders.values()}
    yield from (
        f"broker order {order['order_id']} ({tag}) is no row" for tag, order in theirs.items() if tag not in rows
    )
    for tag, row in rows.items():
        if row["order_id"] not in unsettled:
            yield from _compared(row, theirs.get(tag))


def tag_of(order: Row) -> str:
    """The tag under which an order at the broker is a row of ours; what was typed into its app has none, and is a row by its id."""
    return str(order["tag"] or f"ext:{order['order_id']}")


def _compared(row: Row, order: Row | None) -> Iterator[str]:
    name = f"{row['order_id']} ({row['state']}, {row['filled_quantity']} filled)"
    if order is None:
        if row["broker_order_id"] or (row["state"] in _CLAIMS_TO_BE_THERE and row["reason"] != "BROKER_REJECTED"):
            yield f"{name} is not at the broker"
        return
    if row["state"] in _NEVER_AT_BROKER:
        yield f"{name} is at the broker as {order['order_id']} ({order['state']}, {order['filled']} filled)"
    elif row["broker_order_id"] != order["order_id"]:
        yield f"{name} names {row['broker_order_id']}, the broker has it as {order['order_id']}"
    elif row["filled_quantity"] != order["filled"] or not _same_state(row, order):
        yield f"{name}, the broker has {order['state']}, {order['filled']} filled"
    elif order["filled"] and abs(row["average_price"] - Decimal(order["fill_value"]) / order["filled"] / 100) > _TICK:
        yield f"{name} at {row['average_price']}, the broker says {order['fill_value']} paise for {order['filled']}"


def _same_state(row: Row, order: Row) -> bool:
    if order["filled"] == row["quantity"]:  # filled after its cancel: there it stays cancelled
        return bool(row["state"] == "FILLED")
    if order["state"] in _BROKER_WORKING:
        return bool(row["state"] in ("OPEN", "PARTIALLY_FILLED"))
    return bool(_AT_BROKER.get(row["state"]) == order["state"])


def every_fate_is_known(evidence: Evidence, unsettled: frozenset[str]) -> Iterator[str]:
    """Nothing stays on its way or unknown once its bound has passed."""
    for row in evidence.orders:
        if row["state"] in UNSETTLED_STATES and row["order_id"] not in unsettled:
            yield f"{row['order_id']} is still {row['state']} ({row['reason']} {row['message']}) since {row['updated_at']:%H:%M:%S}"


def trades_sum_to_fills(evidence: Evidence, _unsettled: frozenset[str]) -> Iterator[str]:
    """The trades of an order are its cumulative fill, at its average price."""
    quantity: Counter[str] = Counter()
    value: defaultdict[str, Decimal] = defaultdict(Decimal)
    for trade in evidence.trades:
        quantity[trade["order_id"]] += trade["quantity"]
        value[trade["order_id"]] += trade["quantity"] * trade["price"]
    for row in evidence.orders:
        filled, of = row["filled_quantity"], row["order_id"]
        if quantity[of] != filled:
            yield f"{of} has {filled} filled, its trades make {quantity[of]}"
        elif filled and abs(value[of] / filled - row["average_price"]) > _TICK:
            yield f"{of} has an average of {row['average_price']}, its trades cost {value[of]}"


Line = tuple[str, str]
Legs = tuple[int, int]


def account_positions_are_the_brokers(evidence: Evidence, _unsettled: frozenset[str]) -> Iterator[str]:
    """What the account holds is what the broker's fills come to."""
    theirs = _fold(
        (f"{fill['exchange']}:{fill['symbol']}", _PRODUCTS[fill["product"]], fill["side"], fill["quantity"])
        for fill in evidence.fills
    )
    yield from _differences("the account", _held(evidence, ""), theirs)


def strategy_books_are_their_trades(evidence: Evidence, _unsettled: frozenset[str]) -> Iterator[str]:
    """What a strategy holds is what its own trades come to."""
    for config_id in {row["config_id"] for row in evidence.positions} | {t["config_id"] or "" for t in evidence.trades}:
        if config_id:
            own = (t for t in evidence.trades if t["config_id"] == config_id)
            folded = _fold((t["instrument"], t["product"], t["side"], t["quantity"]) for t in own)
            yield from _differences(config_id, _held(evidence, config_id), folded)


def _fold(deals: Iterator[tuple[str, str, str, int]]) -> dict[Line, Legs]:
    bought: Counter[Line] = Counter()
    sold: Counter[Line] = Counter()
    for instrument, product, side, quantity in deals:
        (bought if side == "BUY" else sold)[instrument, product] += quantity
    return {line: (bought[line], sold[line]) for line in bought | sold}


def _held(evidence: Evidence, config_id: str) -> dict[Line, Legs]:
    rows = [row for row in evidence.positions if row["config_id"] == config_id]
    return {(row["instrument"], row["product"]): (row["buy_quantity"], row["sell_quantity"]) for row in rows}


def _differences(whose: str, ours: dict[Line, Legs], expected: dict[Line, Legs]) -> Iterator[str]:
    for line in sorted(ours.keys() | expected.keys()):
        if ours.get(line, (0, 0)) != expected.get(line, (0, 0)):
            yield f"{whose}, {line}: bought and sold {ours.get(line)}, should be {expected.get(line)}"


def nothing_is_held(evidence: Evidence, _unsettled: frozenset[str]) -> Iterator[str]:
    """No instrument of an account is kept from trading once everything is settled and decided."""
    yield from (f"{hold['instrument']} is held: {hold['kind']} {hold['message']}" for hold in evidence.holds)


def one_process_at_a_time(evidence: Evidence, _unsettled: frozenset[str]) -> Iterator[str]:
    """The orders of a strategy arrive at the broker in blocks, one a process, under epochs that never go back. What a person ordered
    that closes a strategy's position is its, but has no epoch.
    """
    rows = {row["tag"]: row for row in evidence.orders if row["config_id"] and row["epoch"] is not None}
    arrived: defaultdict[str, list[Row]] = defaultdict(list)
    for placement in evidence.placements:
        if (row := rows.get(placement["body"].get("ordertag", ""))) is not None:
            arrived[row["config_id"]].append(row)
    for config_id, sent in arrived.items():
        for earlier, later in pairwise(sent):
            if later["epoch"] < earlier["epoch"]:
                yield f"{config_id}: {later['order_id']} of epoch {later['epoch']} came after epoch {earlier['epoch']}"
        blocks = Counter(process for process, _ in groupby(filter(None, map(_process, sent))))
        yield from (f"{config_id}: process {process} came back {n - 1} times" for process, n in blocks.items() if n > 1)


def _process(row: Row) -> str:
    """`pEPOCH.NONCE` of `CONFIG/pEPOCH.NONCE-N`; empty for an order placed while an event was handled, which any process repeats alike,
    and for an exit that the order management sent again (`oms/domain/resending.py`), whatever had become of the process meanwhile."""
    if str(row["request_id"]).endswith("!"):
        return ""
    word = str(row["request_id"]).rpartition("/")[2].rpartition("-")[0]
    return word if word.startswith("p") else ""


def the_log_has_no_holes(evidence: Evidence, _unsettled: frozenset[str]) -> Iterator[str]:
    """Events are numbered without a gap, per account and per strategy, and end in the state that the order's row has."""
    for name, key in (("sequence", "account_id"), ("config_sequence", "config_id")):
        numbers: defaultdict[str, list[int]] = defaultdict(list)
        for event in evidence.events:
            if event[key]:
                numbers[event[key]].append(event[name])
        for whose, given in numbers.items():
            if given != list(range(1, len(given) + 1)):
                yield f"{whose}: {len(given)} numbers of {name} are not 1 to {len(given)}"
    last = {event["order_id"]: event["state"] for event in evidence.events}
    for row in evidence.orders:
        if last.get(row["order_id"]) != row["state"]:
            yield f"{row['order_id']} is {row['state']}, its last event says {last.get(row['order_id'])}"


def everybody_was_told_once(evidence: Evidence, _unsettled: frozenset[str]) -> Iterator[str]:
    """One ORDER_EXECUTED for each order that was filled, and nothing left to be told."""
    told = Counter(json.loads(n["data"])["order_id"] for n in evidence.notifications if n["type"] == "ORDER_EXECUTED")
    filled = {row["order_id"] for row in evidence.orders if row["state"] == "FILLED"}
    yield from (f"{order_id} was filled and nobody was told" for order_id in sorted(filled - told.keys()))
    yield from (f"ORDER_EXECUTED of {of} was sent {n} times" for of, n in told.items() if n > 1)
    yield from (f"ORDER_EXECUTED of {of}, which is not filled" for of in sorted(told.keys() - filled))
    if evidence.outbox:
        yield f"{len(evidence.outbox)} events wait in the outbox, the first is {dict(evidence.outbox[0])}"


def promises_are_kept(evidence: Evidence, _unsettled: frozenset[str]) -> Iterator[str]:
    """An order that a caller was answered with exists, and one request id is one order."""
    ids = {row["order_id"] for row in evidence.orders}
    by_request = Counter(row["request_id"] for row in evidence.orders if not row["config_id"])
    yield from (f"request {request} became {n} orders" for request, n in by_request.items() if n > 1)
    for request, answered in evidence.promised.items():
        if len(answered) > 1:
            yield f"request {request} was answered with several orders: {sorted(answered)}"
        yield from (f"request {request} was answered with {of}, which is gone" for of in answered - ids)


Check = Callable[[Evidence, frozenset[str]], Iterator[str]]

_OF_ORDERS: Sequence[Check] = (
    sent_at_most_once,
    never_forgotten,
    every_fate_is_known,
    trades_sum_to_fills,
    account_positions_are_the_brokers,
    strategy_books_are_their_trades,
    the_log_has_no_holes,
    promises_are_kept,
)
CHECKS: Sequence[Check] = (*_OF_ORDERS, one_process_at_a_time, everybody_was_told_once)
# Once all that was under way has ended, without strategies' processes and a notifier.
PROMISES: Sequence[Check] = (*_OF_ORDERS, nothing_is_held)
