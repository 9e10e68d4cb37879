"""Whether an order can be one at all: its fields against the instrument. Nothing is stored of what fails here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from engine_server.oms.domain.commands import OrderRequest
from tradewinds.errors import FieldViolation, InvalidArgumentError
from tradewinds.instruments import Instrument
from tradewinds.money import format_rupees, is_on_tick

MAXIMUM_QUANTITY = 100_000_000
MAXIMUM_PRICE = Decimal(10_000_000)
MAXIMUM_REQUEST_ID = 128


def check_order(request: OrderRequest, instrument: Instrument) -> None:
    """Raise `InvalidArgumentError` naming every bad field and what to do about it."""
    violations = tuple(
        violation
        for check in (_request_id, _tradable, _quantity, _product, _price, _trigger_price, _trigger_side)
        for violation in check(request, instrument)
    )
    if violations:
        text = "; ".join(f"{violation.field}: {violation.description}" for violation in violations)
        raise InvalidArgumentError(text, violations=violations)


def check_levels(levels: Mapping[str, Decimal | None], instrument: Instrument) -> None:
    """Raise `InvalidArgumentError` naming every price that is none of the instrument's."""
    violations = [
        violation
        for field, value in levels.items()
        if value is not None
        for violation in _on_grid(field, value, instrument)
    ]
    if not instrument.is_tradable:
        violations.append(FieldViolation("instrument", f"{instrument.key} is an index: nothing of it can be open"))
    if violations:
        text = "; ".join(f"{violation.field}: {violation.description}" for violation in violations)
        raise InvalidArgumentError(text, violations=tuple(violations))


def _request_id(request: OrderRequest, _instrument: Instrument) -> Iterator[FieldViolation]:
    if not request.request_id:
        yield FieldViolation("request_id", "is required: the same id never makes a second order")
    elif len(request.request_id) > MAXIMUM_REQUEST_ID or not request.request_id.isprintable():
        yield FieldViolation("request_id", f"must be at most {MAXIMUM_REQUEST_ID} printable characters")


def _tradable(_request: OrderRequest, instrument: Instrument) -> Iterator[FieldViolation]:
    if not instrument.is_tradable or instrument.tick_size <= 0:
        yield FieldViolation(
            "instrument", f"{instrument.key} is an index and cannot be traded; trade its future or ETF"
        )


def _quantity(request: OrderRequest, instrument: Instrument) -> Iterator[FieldViolation]:
    quantity, lot = request.quantity, instrument.lot_size
    if quantity <= 0:
        yield FieldViolation("quantity", f"must be positive, was {quantity}")
    elif quantity > MAXIMUM_QUANTITY:
        yield FieldViolation("quantity", f"{quantity} is more than {MAXIMUM_QUANTITY}")
    elif quantity % lot:
        below = quantity - quantity % lot
        nearest = f"{below} or {below + lot}" if below else f"{lot}"
        yield FieldViolation("quantity", f"{quantity} is not a multiple of the lot of {lot}; use {nearest}")


def _product(request: OrderRequest, instrument: Instrument) -> Iterator[FieldViolation]:
    if request.product == "CNC" and instrument.kind != "EQ":
        yield FieldViolation("product", f"CNC is for shares; {instrument.key} is carried forward as NRML")
    if request.product == "NRML" and instrument.kind == "EQ":
        yield FieldViolation("product", f"NRML is for derivatives; {instrument.key} is delivered as CNC")


def _price(request: OrderRequest, instrument: Instrument) -> Iterator[FieldViolation]:
    if request.order_type == "MARKET":
        if request.price is not None:
            yield FieldViolation("price", "a MARKET order has none: it is sent with a protection price; use LIMIT")
    elif request.price is None:
        yield FieldViolation("price", f"is required for {request.order_type}")
    else:
        yield from _on_grid("price", request.price, instrument)


def _trigger_price(request: OrderRequest, instrument: Instrument) -> Iterator[FieldViolation]:
    if request.order_type != "SL":
        if request.trigger_price is not None:
            yield FieldViolation("trigger_price", f"a {request.order_type} order has none; use SL")
    elif request.trigger_price is None:
        yield FieldViolation("trigger_price", "is required for SL")
    else:
        yield from _on_grid("trigger_price", request.trigger_price, instrument)


def _trigger_side(request: OrderRequest, _instrument: Instrument) -> Iterator[FieldViolation]:
    price, trigger = request.price, request.trigger_price
    if request.order_type != "SL" or price is None or trigger is None:
        return
    # The exchange refuses a stop whose limit cannot be reached once it triggers.
    if request.side == "BUY" and trigger > price:
        yield FieldViolation("trigger_price", f"of a BUY must not be above its price {format_rupees(price)}")
    if request.side == "SELL" and trigger < price:
        yield FieldViolation("trigger_price", f"of a SELL must not be below its price {format_rupees(price)}")


def _on_grid(field: str, value: Decimal, instrument: Instrument) -> Iterator[FieldViolation]:
    tick = instrument.tick_size
    if value <= 0 or value > MAXIMUM_PRICE:
        yield FieldViolation(field, f"must be positive and at most {MAXIMUM_PRICE}, was {value}")
    elif tick > 0 and not is_on_tick(value, tick):
        below = (value / tick).to_integral_value(ROUND_FLOOR) * tick
        above = (value / tick).to_integral_value(ROUND_CEILING) * tick
        nearest = " or ".join(format_rupees(price) for price in (below, above) if price > 0)
        yield FieldViolation(
            field, f"{value} is not on the tick grid of {format_rupees(tick)}; the nearest prices are {nearest}"
        )
