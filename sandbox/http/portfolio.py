"""Trade book, positions, funds."""

from __future__ import annotations

from aiohttp import web

from sandbox.http.endpoints import GET_POSITION, GET_RMS, GET_TRADE_BOOK
from sandbox.http.envelope import BROKER, success
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


@GET_RMS.served_by(routes)
async def get_rms(request: web.Request) -> web.Response:
    broker = request.app[BROKER]
    quotes = ((position, broker.board.quote(position.key)) for position in broker.book.positions)
    unrealised = sum(position.unrealised(quote.ltp) for position, quote in quotes if quote)
    return success(rms_data(broker.book.funds(), unrealised))
