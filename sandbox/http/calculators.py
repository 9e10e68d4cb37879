"""What orders would cost and block: margin batch, estimate of charges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from sandbox.body_fields import amount_of, objects_of, side_of, text_of, whole_of
from sandbox.charges import ChargedOrder, estimate
from sandbox.errors import RefusedError
from sandbox.http.endpoints import ESTIMATE_CHARGES, MARGIN_BATCH
from sandbox.http.envelope import BODY, BROKER, success
from sandbox.margins import MarginOrder, margin_of
from sandbox.risk import MARGIN_PERCENT
from sandbox.universe import Instrument, Universe

routes = web.RouteTableDef()


@MARGIN_BATCH.served_by(routes)
async def margin_batch(request: web.Request) -> web.Response:
    """Nothing in it is AB4022, as captured; what cannot be read is AB1007, in words of the sandbox's own."""
    body = request[BODY]
    items = objects_of(body, "positions")
    if not items:
        raise RefusedError("AB4022", "Null or Empty Margin Data")
    universe = request.app[BROKER].universe
    return success(margin_of(_margin_order(item, universe) for item in items))


@ESTIMATE_CHARGES.served_by(routes)
async def estimate_charges(request: web.Request) -> web.Response:
    universe = request.app[BROKER].universe
    body = request[BODY]
    items = objects_of(body, "orders")
    if not items:
        raise RefusedError("AB1007", "orders: is empty")
    return success(estimate([_charged_order(item, universe) for item in items]))


def _margin_order(item: Mapping[str, Any], universe: Universe) -> MarginOrder:
    return MarginOrder(
        instrument=_instrument(item, universe),
        product=_product(item, "productType"),
        side=side_of(item, "tradeType"),
        quantity=whole_of(item, "qty"),
        price=int(amount_of(item, "price") * 100),
    )


def _charged_order(item: Mapping[str, Any], universe: Universe) -> ChargedOrder:
    return ChargedOrder(
        instrument=_instrument(item, universe),
        product=_product(item, "product_type"),
        side=side_of(item, "transaction_type"),
        quantity=whole_of(item, "quantity"),
        price=amount_of(item, "price"),
    )


def _instrument(item: Mapping[str, Any], universe: Universe) -> Instrument:
    instrument = universe.find(text_of(item, "exchange"), text_of(item, "token"))
    if instrument is None:
        raise RefusedError("AB4006", "Invalid symboltoken")
    return instrument


def _product(item: Mapping[str, Any], name: str) -> str:
    product = text_of(item, name).upper()
    if product not in MARGIN_PERCENT:
        raise RefusedError("AB1012", "Invalid Product Type")
    return product
