"""Trade book, positions and their conversion, holdings, funds."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from sandbox.broker import Broker
from sandbox.conversion import read_conversion
from sandbox.holdings import holding_row, total_of
from sandbox.http.endpoints import CONVERT_POSITION, GET_ALL_HOLDING, GET_HOLDING, GET_POSITION, GET_RMS, GET_TRADE_BOOK
from sandbox.http.envelope import BODY, BROKER, success
from sandbox.rows import rms_data, trade_row

routes = web.RouteTableDef()


@GET_TRADE_BOOK.served_by(routes)
async def get_trade_book(request: web.Request) -> web.Response:
    """One row per fill of today; null when there are none."""
    broker = request.app[BROKER]
    rows = [trade_row(fill, broker.universe.find(fill.exchange, fill.token)) for fill in broker.book.todays_fills()]
    return success(rows or None)


@GET_POSITION.served_by(routes)
async def get_position(request: web.Request) -> web.Response:
    """Open and squared-off positions of today; null when there are none."""
    return success(request.app[BROKER].position_rows() or None)


@CONVERT_POSITION.served_by(routes)
async def convert_position(request: web.Request) -> web.Response:
    broker = request.app[BROKER]
    book, body = broker.book, request[BODY]
    conversion = read_conversion(body, broker.universe, book.positions.by_key, book.funds(), broker.clock.now_ms())
    book.post("conversion", conversion)
    return success(None)


@GET_HOLDING.served_by(routes)
async def get_holding(request: web.Request) -> web.Response:
    """Null when there are none."""
    return success(_holding_rows(request.app[BROKER]) or None)


@GET_ALL_HOLDING.served_by(routes)
async def get_all_holding(request: web.Request) -> web.Response:
    rows = _holding_rows(request.app[BROKER])
    return success({"holdings": rows, "totalholding": total_of(rows)})


@GET_RMS.served_by(routes)
async def get_rms(request: web.Request) -> web.Response:
    broker = request.app[BROKER]
    quotes = ((position, broker.board.quote(position.key)) for position in broker.book.positions)
    unrealised = sum(position.unrealised(quote.ltp) for position, quote in quotes if quote)
    return success(rms_data(broker.book.funds(), unrealised))


def _holding_rows(broker: Broker) -> list[dict[str, Any]]:
    return [
        holding_row(holding, broker.universe.find(*holding.key), broker.board.quote(holding.key))
        for holding in broker.book.ledger.holdings
    ]
