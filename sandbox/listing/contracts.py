"""Contracts by name and by token. Nothing is stored: a token is its contract's terms as a number, so it is the same on every day."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from functools import lru_cache

from sandbox.listing.expiries import ExpiryCalendar
from sandbox.listing.underlyings import Underlying
from sandbox.universe import NO_BAND, Instrument, InstrumentKey, InstrumentKind, OptionType

_TOKEN_EPOCH = date(2021, 1, 1)
_UNDERLYINGS, _STRIKES, _TYPES = 512, 1_024, 3
_TYPE_OF: tuple[OptionType | None, ...] = (None, OptionType.CALL, OptionType.PUT)
_TYPE_NUMBERS = {kind: number for number, kind in enumerate(_TYPE_OF)}
_FUTURE_BAND_PERCENT = 10
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKLY_MONTHS = "123456789OND"


class ContractBook:
    """All contracts on some underlyings. `price_of` gives an underlying's reference price in paise, round which strikes lie."""

    def __init__(
        self,
        underlyings: Iterable[Underlying],
        expiries: ExpiryCalendar,
        price_of: Callable[[InstrumentKey], int],
    ) -> None:
        self.expiries = expiries
        self._price_of = price_of
        self._by_number = {(u.segment, u.number): u for u in underlyings}
        self._by_name = {(u.segment, u.name): u for u in self._by_number.values()}
        self.find = lru_cache(maxsize=16_384)(self._find)

    def __iter__(self) -> Iterator[Underlying]:
        return iter(self._by_number.values())

    def underlying(self, segment: str, name: str) -> Underlying | None:
        return self._by_name.get((segment, name))

    def strikes(self, underlying: Underlying) -> range:
        """Listed strikes in paise, round the reference price."""
        at_the_money = round(self._price_of(underlying.source) / underlying.step)
        return range(
            max(1, at_the_money - underlying.strikes) * underlying.step,
            (at_the_money + underlying.strikes + 1) * underlying.step,
            underlying.step,
        )

    def future(self, underlying: Underlying, expiry: date) -> Instrument:
        found = self.find(underlying.segment, token_of(underlying, expiry, 0, None))
        if found is None:
            raise LookupError(f"no future on {underlying.name} expires on {expiry}")
        return found

    def option(self, underlying: Underlying, expiry: date, strike: int, option_type: OptionType) -> Instrument:
        """`strike` in paise."""
        found = self.find(underlying.segment, token_of(underlying, expiry, strike, option_type))
        if found is None:
            raise LookupError(f"no {option_type} of {strike / 100} on {underlying.name} expires on {expiry}")
        return found

    def chain(self, underlying: Underlying, expiry: date) -> list[Instrument]:
        """Both types of every strike, lowest first."""
        return [
            self.option(underlying, expiry, strike, side) for strike in self.strikes(underlying) for side in OptionType
        ]

    def futures(self, underlying: Underlying, on: date) -> list[Instrument]:
        """Near, next, far as listed on a day."""
        return [self.future(underlying, expiry) for expiry in self.expiries.futures(underlying, on)]

    def is_monthly(self, underlying: Underlying, expiry: date) -> bool:
        return self.expiries.month_end(underlying, expiry.year, expiry.month) == expiry

    def _find(self, segment: str, token: str) -> Instrument | None:
        """The contract with a token, also one that has expired. None when no such contract was ever listed."""
        if not (token.isascii() and token.isdigit()) or len(token) > 10 or token != str(int(token)):
            return None
        rest, kind = divmod(int(token), _TYPES)
        rest, strike_number = divmod(rest, _STRIKES)
        days, number = divmod(rest, _UNDERLYINGS)
        underlying = self._by_number.get((segment, number))
        if underlying is None:
            return None
        expiry = _TOKEN_EPOCH + timedelta(days=days)
        option_type = _TYPE_OF[kind]
        listed = self.expiries.options if option_type else self.expiries.futures
        strike = strike_number * underlying.step
        if expiry not in listed(underlying, expiry) or (
            strike not in self.strikes(underlying) if option_type else strike
        ):
            return None
        symbol = symbol_stem(underlying, expiry, self.is_monthly(underlying, expiry)) + symbol_end(strike, option_type)
        return _contract(underlying, token, symbol, expiry, strike, option_type, self._price_of(underlying.source))


def token_of(underlying: Underlying, expiry: date, strike: int, option_type: OptionType | None) -> str:
    """At most ten digits, unique in the segment."""
    return str(expiry_number(underlying, expiry) + strike_number(underlying, strike, option_type))


def expiry_number(underlying: Underlying, expiry: date) -> int:
    """What the tokens of one expiry begin at."""
    return ((expiry - _TOKEN_EPOCH).days * _UNDERLYINGS + underlying.number) * _STRIKES * _TYPES


def strike_number(underlying: Underlying, strike: int, option_type: OptionType | None) -> int:
    """What strike and type add to that, the same for every expiry."""
    return strike // underlying.step * _TYPES + _TYPE_NUMBERS[option_type]


def symbol_stem(underlying: Underlying, expiry: date, monthly: bool) -> str:
    """NSE and MCX write `NIFTY28JUL26`; BSE writes `SENSEX26AUG` for monthlies and `SENSEX24D13` for weeklies."""
    if underlying.segment != "BFO":
        return f"{underlying.name}{expiry_text(expiry)[:5]}{expiry:%y}"
    week = f"{_WEEKLY_MONTHS[expiry.month - 1]}{expiry:%d}"
    return f"{underlying.name}{expiry:%y}{MONTHS[expiry.month - 1] if monthly else week}"


def symbol_end(strike: int, option_type: OptionType | None) -> str:
    """`FUT`, `23500CE`, `277.5PE`: rupees without needless decimals."""
    if option_type is None:
        return "FUT"
    rupees = str(strike // 100) if strike % 100 == 0 else f"{strike / 100:.2f}".rstrip("0")
    return rupees + option_type.value


def expiry_text(expiry: date) -> str:
    """`28JUL2026`, whatever the locale."""
    return f"{expiry.day:02d}{MONTHS[expiry.month - 1]}{expiry.year}"


def _contract(
    underlying: Underlying,
    token: str,
    symbol: str,
    expiry: date,
    strike: int,
    option_type: OptionType | None,
    price: int,
) -> Instrument:
    lot = underlying.lot(expiry)
    return Instrument(
        underlying.segment,
        token,
        symbol,
        underlying.name,
        underlying.option_tick if option_type else underlying.future_tick,
        price,
        InstrumentKind.OPTION if option_type else InstrumentKind.FUTURE,
        lot,
        band_percent=NO_BAND if option_type else _FUTURE_BAND_PERCENT,
        freeze_quantity=underlying.freeze_quantity,
        expiry=expiry,
        strike=strike,
        option_type=option_type,
        underlying=underlying.source,
        instrument_type=underlying.option_type if option_type else underlying.future_type,
    )
