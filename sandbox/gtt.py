"""Good-till-triggered rules: kept for up to a year, each becomes a limit order when the price reaches its trigger (smartapi_protocol 3.12).

A rule that is placed below the last price waits for the price to fall to it, one above for it to rise.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sandbox.body_fields import paise_of, side_of, text_of, whole_of
from sandbox.errors import RefusedError
from sandbox.market import Quote
from sandbox.order_entry import NewOrder
from sandbox.orders import Side
from sandbox.universe import Instrument, InstrumentKey, Universe

_EXCHANGES = frozenset({"NSE", "BSE"})
_PRODUCTS = frozenset({"DELIVERY", "MARGIN"})
_MAX_DAYS, _MAX_COUNT = 365, 100
ALL = "FORALL"


class RuleStatus(StrEnum):
    """The broker's own words."""

    NEW = "NEW"
    ACTIVE = "ACTIVE"
    SENT = "SENTTOEXCHANGE"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True, slots=True)
class Rule:
    """Prices in paise. `falls` is whether it waits for the price to fall. Times are market milliseconds."""

    id: int
    exchange: str
    token: str
    symbol: str
    side: Side
    product: str
    price: int
    trigger: int
    quantity: int
    disclosed: int
    falls: bool
    created_ms: int
    updated_ms: int
    expires_ms: int
    status: RuleStatus = RuleStatus.NEW

    @property
    def key(self) -> InstrumentKey:
        return (self.exchange, self.token)

    @property
    def waits(self) -> bool:
        return self.status in (RuleStatus.NEW, RuleStatus.ACTIVE)

    def is_reached(self, ltp: int) -> bool:
        """Whether the price has come to the trigger."""
        return ltp <= self.trigger if self.falls else ltp >= self.trigger

    def row(self, client_code: str) -> dict[str, Any]:
        """As ruleDetails and ruleList show it."""
        return {
            "status": self.status.value,
            "createddate": _iso(self.created_ms),
            "updateddate": _iso(self.updated_ms),
            "expirydate": _iso(self.expires_ms),
            "clientid": client_code,
            "id": self.id,
            "tradingsymbol": self.symbol,
            "symboltoken": self.token,
            "exchange": self.exchange,
            "transactiontype": self.side.value,
            "producttype": self.product,
            "price": self.price / 100,
            "triggerprice": self.trigger / 100,
            "qty": self.quantity,
            "disclosedqty": self.disclosed,
        }


class GttDesk:
    """`publish` writes a rule down, `place` sends its order, `quote` looks at the market."""

    def __init__(
        self,
        universe: Universe,
        quote: Callable[[InstrumentKey], Quote | None],
        market_ms: Callable[[], int],
        publish: Callable[[str, dict[str, Any]], object],
        place: Callable[[NewOrder], object],
    ) -> None:
        self._universe = universe
        self._quote = quote
        self._market_ms = market_ms
        self._publish = publish
        self._place = place
        self._rules: dict[int, Rule] = {}
        self._waiting: dict[InstrumentKey, dict[int, Rule]] = defaultdict(dict)

    def recover(self, snapshots: Mapping[int, Mapping[str, Any]]) -> None:
        """Take in what an earlier run wrote down."""
        for snapshot in snapshots.values():
            self._keep(Rule(**{**snapshot, "side": Side(snapshot["side"]), "status": RuleStatus(snapshot["status"])}))

    @property
    def wanted(self) -> set[InstrumentKey]:
        """What must print for the rules that wait."""
        return {key for key, rules in self._waiting.items() if rules}

    def create(self, body: Mapping[str, Any]) -> Rule:
        """A new rule. Raises RefusedError AB90xx."""
        instrument, now = self._instrument(body), self._market_ms()
        product = text_of(body, "producttype").upper()
        if product not in _PRODUCTS:
            raise RefusedError("AB9015", "Invalid product type: DELIVERY or MARGIN")
        trigger = paise_of(body, "triggerprice", "AB9009")
        quote = self._quote(instrument.key)
        rule = Rule(
            id=1_000_001 + len(self._rules),
            exchange=instrument.exchange,
            token=instrument.token,
            symbol=instrument.symbol,
            side=side_of(body, "transactiontype", "AB9014"),
            product=product,
            price=paise_of(body, "price", "AB9008"),
            trigger=trigger,
            quantity=whole_of(body, "qty", "AB9006", at_least=1),
            disclosed=whole_of(body, "disclosedqty", "AB9007", at_least=0),
            falls=quote is not None and trigger < quote.ltp,
            created_ms=now,
            updated_ms=now,
            expires_ms=now + _days(body) * 86_400_000,
        )
        self._change("created", rule)
        return rule

    def modify(self, body: Mapping[str, Any]) -> Rule:
        """Other numbers for a rule that waits. Raises RefusedError AB90xx."""
        rule = self._waiting_rule(body)
        trigger, quote = paise_of(body, "triggerprice", "AB9009"), self._quote(rule.key)
        changed = replace(
            rule,
            price=paise_of(body, "price", "AB9008"),
            trigger=trigger,
            quantity=whole_of(body, "qty", "AB9006", at_least=1),
            disclosed=whole_of(body, "disclosedqty", "AB9007", at_least=0),
            falls=quote is not None and trigger < quote.ltp,
            updated_ms=self._market_ms(),
        )
        self._change("modified", changed)
        return changed

    def cancel(self, body: Mapping[str, Any]) -> Rule:
        """Take a rule that waits away. Raises RefusedError AB90xx."""
        rule = replace(self._waiting_rule(body), status=RuleStatus.CANCELLED, updated_ms=self._market_ms())
        self._change("cancelled", rule)
        return rule

    def details(self, body: Mapping[str, Any]) -> Rule:
        """One rule. Raises RefusedError AB9013."""
        rule = self._rules.get(whole_of(body, "id", "AB9013"))
        if rule is None:
            raise RefusedError("AB9013", f"Invalid rule id {text_of(body, 'id')!r}")
        return rule

    def listed(self, body: Mapping[str, Any]) -> list[Rule]:
        """A page of the rules in some states, newest first. Raises RefusedError AB9004, AB9017, AB9018."""
        statuses = body.get("status")
        if not isinstance(statuses, list) or not statuses or any(s not in (*RuleStatus, ALL) for s in statuses):
            raise RefusedError("AB9004", f"Invalid status: an array of {', '.join((*RuleStatus, ALL))}")
        page = whole_of(body, "page", "AB9017", at_least=1)
        count = whole_of(body, "count", "AB9018", at_least=1)
        if count > _MAX_COUNT:
            raise RefusedError("AB9018", f"Invalid count {count}: at most {_MAX_COUNT}")
        chosen = [r for r in reversed(self._rules.values()) if ALL in statuses or r.status in statuses]
        return chosen[(page - 1) * count : page * count]

    def on_quote(self, quote: Quote) -> None:
        """Send the orders of the rules whose trigger this price has reached."""
        waiting = self._waiting.get(quote.instrument.key)
        if not waiting:
            return
        now = self._market_ms()
        for rule in list(waiting.values()):
            if now >= rule.expires_ms:
                self._change("expired", replace(rule, status=RuleStatus.CANCELLED, updated_ms=now))
            elif rule.is_reached(quote.ltp):
                self._change("triggered", replace(rule, status=RuleStatus.SENT, updated_ms=now))
                self._send(rule, quote.instrument)

    def _send(self, rule: Rule, instrument: Instrument) -> None:
        order = NewOrder(
            instrument=instrument,
            variety="NORMAL",
            order_type="LIMIT",
            product=rule.product,
            side=rule.side,
            price=rule.price,
            trigger_price=0,
            quantity=rule.quantity,
            disclosed_quantity=rule.disclosed,
            tag="",
        )
        try:
            self._place(order)
        except RefusedError:
            self._publish("refused", asdict(self._rules[rule.id]))

    def _change(self, event: str, rule: Rule) -> None:
        self._publish(event, asdict(rule))
        self._keep(rule)

    def _keep(self, rule: Rule) -> None:
        self._rules[rule.id] = rule
        if rule.waits:
            self._waiting[rule.key][rule.id] = rule
        else:
            self._waiting[rule.key].pop(rule.id, None)

    def _waiting_rule(self, body: Mapping[str, Any]) -> Rule:
        rule = self.details(body)
        if not rule.waits:
            raise RefusedError("AB9013", f"Invalid rule id {rule.id}: it is {rule.status.value}")
        if text_of(body, "symboltoken") != rule.token:
            raise RefusedError("AB9011", "Invalid symbol token")
        if text_of(body, "exchange") != rule.exchange:
            raise RefusedError("AB9010", "Invalid exchange")
        return rule

    def _instrument(self, body: Mapping[str, Any]) -> Instrument:
        exchange = text_of(body, "exchange")
        if exchange not in _EXCHANGES:
            raise RefusedError("AB9010", "Invalid exchange: NSE or BSE")
        instrument = self._universe.find(exchange, text_of(body, "symboltoken"))
        if instrument is None or not instrument.tradable:
            raise RefusedError("AB9011", "Invalid symbol token")
        if text_of(body, "tradingsymbol") != instrument.symbol:
            raise RefusedError("AB9012", "Invalid trading symbol")
        return instrument


def _iso(at_ms: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _days(body: Mapping[str, Any]) -> int:
    days = whole_of({"timeperiod": _MAX_DAYS, **body}, "timeperiod", "AB9016", at_least=1)
    if days > _MAX_DAYS:
        raise RefusedError("AB9016", f"Invalid time period {days}: at most {_MAX_DAYS} days")
    return days
