"""How often the broker may be asked for what: its table of access rates, as configuration (protocol §7.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode

from tradewinds.config import Settings

_PART = re.compile(r"^(\d{1,9})/(s|min|h)$")
_SECONDS: Final = {"s": 1.0, "min": 60.0, "h": 3600.0}


class Category(StrEnum):
    """What is counted together at the broker."""

    LOGIN = "login"
    PROFILE = "profile"
    FUNDS = "funds"
    PLACE = "place"
    MODIFY = "modify"
    CANCEL = "cancel"
    CONVERT = "convert"
    ORDER_BOOK = "order_book"
    ORDER_DETAILS = "order_details"
    TRADE_BOOK = "trade_book"
    POSITIONS = "positions"
    HOLDINGS = "holdings"
    MARGIN = "margin"
    CHARGES = "charges"
    QUOTES = "quotes"
    CANDLES = "candles"


# Placements, changes and cancels are counted each, and all together.
ORDER_MESSAGES: Final = frozenset({Category.PLACE, Category.MODIFY, Category.CANCEL})


@dataclass(frozen=True)
class Rate:
    """Limits in rolling windows: (seconds, requests)."""

    windows: tuple[tuple[float, int], ...]

    @classmethod
    def parse(cls, text: str) -> Rate:
        """`9/s 500/min 1000/h`; a window that is not named is not limited. Raises `ValueError`."""
        windows = {}
        for part in text.split():
            match = _PART.match(part)
            if match is None or int(match[1]) < 1 or _SECONDS[match[2]] in windows:
                raise ValueError(f"{text!r} is not a rate; write it as '9/s 500/min 1000/h'")
            windows[_SECONDS[match[2]]] = int(match[1])
        if not windows:
            raise ValueError("is empty; write a rate as '9/s 500/min 1000/h'")
        return cls(tuple(sorted(windows.items())))

    @property
    def in_a_second(self) -> int:
        """How many may go in a second: what its own window says, or what the shortest one comes to."""
        seconds, limit = self.windows[0]
        return max(1, int(limit / seconds))

    def __str__(self) -> str:
        names = {seconds: name for name, seconds in _SECONDS.items()}
        return " ".join(f"{limit}/{names[seconds]}" for seconds, limit in self.windows)


def _read(value: Any) -> Any:
    return Rate.parse(value) if isinstance(value, str) else value


RateSetting = Annotated[Rate, NoDecode, BeforeValidator(_read)]


def _rate(text: str, variable: str, what: str) -> Any:
    return Field(
        default=Rate.parse(text), validation_alias=f"BROKER_RATE_{variable}", description=f"{what}; as '9/s 500/min'"
    )


class RateSettings(Settings):
    """The broker's table per client code. Each may be set as `BROKER_RATE_PLACE="9/s 500/min 1000/h"`."""

    login: RateSetting = _rate("1/s", "LOGIN", "logins and renewals of the session")
    profile: RateSetting = _rate("3/s 1000/h", "PROFILE", "questions for the profile")
    funds: RateSetting = _rate("2/s", "FUNDS", "questions for funds")
    place: RateSetting = _rate("9/s 500/min 1000/h", "PLACE", "placements")
    modify: RateSetting = _rate("9/s 500/min 1000/h", "MODIFY", "changes")
    cancel: RateSetting = _rate("9/s 500/min 1000/h", "CANCEL", "cancels")
    order_messages: RateSetting = _rate("9/s", "ORDER_MESSAGES", "placements, changes and cancels together")
    convert: RateSetting = _rate("10/s 500/min 5000/h", "CONVERT", "conversions of positions")
    order_book: RateSetting = _rate("1/s", "ORDER_BOOK", "reads of the order book")
    order_details: RateSetting = _rate("10/s 500/min 5000/h", "ORDER_DETAILS", "reads of one order")
    trade_book: RateSetting = _rate("1/s", "TRADE_BOOK", "reads of the trade book")
    positions: RateSetting = _rate("1/s", "POSITIONS", "reads of positions")
    holdings: RateSetting = _rate("1/s", "HOLDINGS", "reads of holdings")
    margin: RateSetting = _rate("10/s 500/min 5000/h", "MARGIN", "questions for margins")
    charges: RateSetting = _rate("1/s", "CHARGES", "questions for charges")  # not in the table
    quotes: RateSetting = _rate("10/s 500/min 5000/h", "QUOTES", "quotes")
    # The table says 3/s; users are refused at a steady 2.5 and not at 2. Open interest is counted with the candles.
    candles: RateSetting = _rate("2/s 180/min 5000/h", "CANDLES", "candles and open interest")

    def of(self, category: Category) -> Rate:
        """The category's own rate."""
        rate: Rate = getattr(self, category.value)
        return rate
