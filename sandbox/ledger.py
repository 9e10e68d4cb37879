"""What the client owns: cash, positions, holdings. Nothing but the sum of what was posted, in its order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from sandbox.clock import ist_day
from sandbox.holdings import HoldingBook
from sandbox.orders import Side
from sandbox.positions import Fill, PositionBook, restored_fill
from sandbox.universe import Instrument

DELIVERY = "DELIVERY"


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a contract's expiry did: its closing at a price, and the delivery of shares where there was one.

    Its fills are in no trade book and belong to no order.
    """

    reason: str
    fills: tuple[Fill, ...]


@dataclass(frozen=True, slots=True)
class Conversion:
    """Part of today's leg of a position under another product."""

    exchange: str
    token: str
    old_product: str
    new_product: str
    side: Side
    quantity: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class CorporateAction:
    """A split or bonus: `numerator` shares for every `denominator`, prices the other way round."""

    exchange: str
    token: str
    symbol: str
    action: str
    numerator: int
    denominator: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class DayTurn:
    """Midnight: `day` as `ist_day` counts."""

    day: int


Entry: TypeAlias = Fill | Settlement | Conversion | CorporateAction | DayTurn


class Ledger:
    """All amounts in paise. Posting the same entries again gives the same ledger: recovery is nothing else."""

    def __init__(self, cash: int, realised_on: Callable[[int], int]) -> None:
        """`realised_on` maps the day of a purchase to the day on which its shares are no longer T+1."""
        self.cash = cash
        self.positions = PositionBook()
        self.holdings = HoldingBook()
        self._realised_on = realised_on
        self._day = 0

    @property
    def day(self) -> int:
        return self._day

    def post(self, entry: Entry) -> None:
        """Take an entry in; a fill of a later day turns the day first."""
        match entry:
            case Fill():
                self._turn(ist_day(entry.at_ms))
                self.positions.apply(entry)
            case Settlement():
                for fill in entry.fills:
                    self.positions.apply(fill)
            case Conversion():
                old = (entry.exchange, entry.token, entry.old_product)
                self.positions.move(old, entry.new_product, entry.side, entry.quantity)
            case CorporateAction():
                self._multiply(entry)
            case DayTurn():
                self._turn(entry.day)

    def _multiply(self, action: CorporateAction) -> None:
        key = (action.exchange, action.token)
        self.holdings.multiply(key, action.numerator, action.denominator)
        self.positions.multiply(key, action.numerator, action.denominator)

    def _turn(self, day: int) -> None:
        """Delivery positions are settled, others carried at cost with their profit banked."""
        if day <= self._day:
            return
        traded_on, self._day = self._day, day
        for position in list(self.positions):
            if position.product == DELIVERY:
                self._settle(position.key, traded_on)
            else:
                self.cash += position.realised
        self.positions.begin_day()
        self.holdings.begin_day(day)

    def _settle(self, key: tuple[str, str], traded_on: int) -> None:
        position_key = (*key, DELIVERY)
        position = self.positions.by_key[position_key]
        self.cash += position.sold.value - position.bought.value
        if position.net > 0:
            self.holdings.receive(key, position.symbol, position.net, position.open_value, self._realised_on(traded_on))
        elif position.net < 0:
            self.holdings.deliver(key, -position.net)
        self.positions.forget(position_key)


def split_terms(details: Mapping[str, Any]) -> tuple[str, int, int]:
    """Kind, shares after, for every so many before. Raises ValueError."""
    kind, ratio = str(details.get("kind") or "SPLIT").upper(), str(details.get("ratio") or "2:1")
    numerator, _, denominator = ratio.partition(":")
    known = numerator.isdigit() and denominator.isdigit() and kind in ("SPLIT", "BONUS")
    if not known or int(numerator) < 1 or int(denominator) < 1:
        raise ValueError(f"kind {kind!r} and ratio {ratio!r}: SPLIT or BONUS, and whole numbers such as 2:1")
    return kind, int(numerator), int(denominator)


def corporate_action(instrument: Instrument, details: Mapping[str, Any], at_ms: int) -> CorporateAction:
    """What a fault asks for: `kind` SPLIT or BONUS, `ratio` "2:1" is two shares for every one. Prices do not follow: they are
    functions of time. Raises ValueError.
    """
    kind, many, each = split_terms(details)
    return CorporateAction(instrument.exchange, instrument.token, instrument.symbol, kind, many, each, at_ms)


def snapshot_of(entry: Settlement | Conversion | CorporateAction | DayTurn) -> dict[str, Any]:
    """As JSON for the truth log; `restored_entry` is its inverse."""
    return asdict(entry)


def restored_entry(record: dict[str, Any]) -> Entry | None:
    """The entry that a truth record stands for, None when it moves nothing."""
    match record["kind"]:
        case "fill":
            return restored_fill(record["fill"])
        case "settlement":
            return Settlement(record["reason"], tuple(restored_fill(fill) for fill in record["fills"]))
        case "conversion":
            return Conversion(**{**_fields(record, Conversion), "side": Side(record["side"])})
        case "corporate_action":
            return CorporateAction(**_fields(record, CorporateAction))
        case "day":
            return DayTurn(record["day"])
    return None


def entries_in(records: Iterable[dict[str, Any]]) -> Iterator[Entry]:
    """Everything that moved money or shares, oldest first."""
    for record in records:
        entry = restored_entry(record)
        if entry is not None:
            yield entry


def _fields(record: dict[str, Any], kind: type[Conversion] | type[CorporateAction]) -> dict[str, Any]:
    return {name: record[name] for name in kind.__dataclass_fields__}
