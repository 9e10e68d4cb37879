"""`tradewinds quotes`, `chain`, `bars` and `feed`: what the market does, and what the feed does about it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

import typer
from google.protobuf.timestamp_pb2 import Timestamp
from rich.live import Live
from rich.table import Table

from tradewinds.cli.output import console, print_json, print_plain, print_table, rupees, table_of, to_dict, when
from tradewinds.cli.running import AsJson, StateDir, with_connection
from tradewinds.client.connection import Connection
from tradewinds.clock import IST
from tradewinds.v1 import market_data_pb2 as pb

Symbols = Annotated[list[str], typer.Argument(help="RELIANCE, or NSE:RELIANCE-EQ", show_default=False)]

_QUOTE_COLUMNS = ("instrument", ">last ₹", ">bid ₹", ">ask ₹", ">close ₹", ">volume", ">OI", ">age", "source")
_BARS_A_PAGE = 5_000
_BAR_COLUMNS = ("IST", ">open ₹", ">high ₹", ">low ₹", ">close ₹", ">volume", ">OI", "")
_CHAIN_COLUMNS = (">OI", ">call bid ₹", ">ask ₹", ">last ₹", ">STRIKE", ">put last ₹", ">bid ₹", ">ask ₹", ">OI ")


def quotes(
    instruments: Symbols,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Stay, and show every change.")] = False,
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Show last prices; with --watch live ones, until Ctrl-C."""
    if watch:
        with_connection(state_dir, lambda link: _watch(link, instruments, as_json=as_json))
        return
    request = pb.GetQuotesRequest(instruments=instruments)
    found = with_connection(state_dir, lambda link: link.call(link.market_data.GetQuotes, request)).quotes
    if as_json:
        print_json([to_dict(quote) for quote in found])
        return
    print_table("Quotes", _QUOTE_COLUMNS, [_quote_row(quote) for quote in found], empty="No quotes.")


async def _watch(link: Connection, instruments: list[str], *, as_json: bool) -> None:
    request = pb.WatchQuotesRequest(instruments=instruments, interval_ms=0 if as_json else 250)
    latest: dict[str, pb.Quote] = {}
    with Live(console=console, auto_refresh=False) as screen:
        async for batch in link.watch(link.market_data.WatchQuotes, request):
            latest.update((quote.instrument, quote) for quote in batch.quotes)
            if as_json:
                for quote in batch.quotes:
                    print_plain(json.dumps(to_dict(quote)))
            elif batch.quotes:
                screen.update(_quote_table(latest), refresh=True)
            if batch.HasField("end"):
                console.print(f"the stream ended: {batch.end.message}", markup=False)


def _quote_table(latest: dict[str, pb.Quote]) -> Table:
    return table_of("Quotes", _QUOTE_COLUMNS, [_quote_row(quote) for quote in latest.values()])


def _quote_row(quote: pb.Quote) -> tuple[str, ...]:
    return (
        quote.instrument,
        rupees(quote.last_price),
        rupees(quote.bid_price),
        rupees(quote.ask_price),
        rupees(quote.close_price),
        str(quote.volume),
        str(quote.open_interest or "–"),
        _age(quote.age_ms),
        f"{quote.source} STALE" if quote.stale else quote.source,
    )


def _age(age_ms: int) -> str:
    if age_ms < 0:
        return "–"
    return f"{age_ms} ms" if age_ms < 10_000 else f"{age_ms // 1000} s"


def chain(
    underlying: Annotated[str, typer.Argument(help="NIFTY, BANKNIFTY, RELIANCE…")],
    expiry: Annotated[str, typer.Option(help="YYYY-MM-DD; the nearest when left out.")] = "",
    strikes: Annotated[int, typer.Option(min=1, max=50, help="Strikes to each side of the money.")] = 10,
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Show an option chain: calls on the left, puts on the right."""
    request = pb.GetOptionChainRequest(underlying=underlying, expiry=expiry, strikes=strikes)
    found = with_connection(state_dir, lambda link: link.call(link.market_data.GetOptionChain, request))
    if as_json:
        print_json(to_dict(found))
        return
    title = f"{found.underlying} {found.expiry}, {found.underlying_instrument} at ₹ {rupees(found.underlying_price)}"
    print_table(title, _CHAIN_COLUMNS, [_chain_row(row) for row in found.rows], empty="No strikes.")


def _chain_row(row: pb.OptionChainRow) -> tuple[str, ...]:
    call, put = row.call, row.put
    return (
        str(call.open_interest or "–"),
        rupees(call.bid_price),
        rupees(call.ask_price),
        rupees(call.last_price),
        rupees(row.strike),
        rupees(put.last_price),
        rupees(put.bid_price),
        rupees(put.ask_price),
        str(put.open_interest or "–"),
    )


def bars(
    instrument: Annotated[str, typer.Argument(help="RELIANCE, or NSE:RELIANCE-EQ")],
    interval: Annotated[str, typer.Option("--interval", "-i", help="1m 3m 5m 15m 30m 60m or 1d")] = "1m",
    last: Annotated[int, typer.Option(min=1, max=5_000, help="So many, ending now or at --until.")] = 20,
    since: Annotated[str, typer.Option(help="'YYYY-MM-DD HH:MM' in India: all from then on, instead of --last.")] = "",
    until: Annotated[str, typer.Option(help="'YYYY-MM-DD HH:MM' in India; now when left out.")] = "",
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Show bars, the growing one last. What is marked is not whole yet, or not from our own stream."""
    request = pb.ListBarsRequest(instrument=instrument, interval=interval, page_size=last, include_open=not until)
    if since:
        request.start_time.CopyFrom(_moment(since, "--since"))
        request.page_size = _BARS_A_PAGE
    if until:
        request.end_time.CopyFrom(_moment(until, "--until"))
    found = with_connection(state_dir, lambda link: _all_bars(link, request))
    if as_json:
        print_json([to_dict(bar) for bar in found])
        return
    print_table(f"{instrument} {interval}", _BAR_COLUMNS, [_bar_row(bar) for bar in found], empty="No bars there.")


async def _all_bars(link: Connection, request: pb.ListBarsRequest) -> list[pb.Bar]:
    found: list[pb.Bar] = []
    while True:
        page = await link.call(link.market_data.ListBars, request, timeout=60)
        found += page.bars
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


def _bar_row(bar: pb.Bar) -> tuple[str, ...]:
    prices = (bar.open_price, bar.high_price, bar.low_price, bar.close_price)
    return (
        when(bar.start_time, date=True),
        *(rupees(price) for price in prices),
        str(bar.volume),
        str(bar.open_interest or "–"),
        " ".join(_marks(bar)),
    )


def _marks(bar: pb.Bar) -> Iterator[str]:
    if not bar.closed:
        yield "growing"
    elif not bar.complete:
        yield "incomplete"
    if bar.source == "BROKER":
        yield "broker's"


def _moment(text: str, option: str) -> Timestamp:
    try:
        moment = datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=IST)
    except ValueError as e:
        raise typer.BadParameter(f"{option}: {text!r} is not a time like '2026-11-20 15:30' (India)") from e
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp


def _rotated(status: pb.FeedStatus) -> str:
    if not status.rotated:
        return "none in rotation"
    return f"{status.rotated} in rotation (each quoted every {status.rotation_seconds} s)"


def feed(state_dir: StateDir = None, as_json: AsJson = False) -> None:
    """Show what the feed does: sockets, subscriptions, what is stale and why."""
    request = pb.GetFeedStatusRequest()
    status = with_connection(state_dir, lambda link: link.call(link.market_data.GetFeedStatus, request))
    if as_json:
        print_json(to_dict(status))
        return
    console.print(f"feed is {status.state}{f': {status.reason}' if status.reason else ''}", markup=False)
    print_table(
        "Sockets",
        ("socket", "connected", ">subscriptions", ">quota", ">connections", "problem"),
        [
            (
                str(socket.number),
                "yes" if socket.connected else "no",
                str(socket.subscriptions),
                str(socket.quota),
                str(socket.connections),
                socket.problem,
            )
            for socket in status.sockets
        ],
        empty="No sockets.",
    )
    last_tick = when(status.last_tick_at)
    console.print(
        f"{status.streamed} streamed, {_rotated(status)}, {len(status.unknown_instruments)} unknown, "
        f"{len(status.stale_instruments)} stale; {status.ticks} ticks ({status.dropped_ticks} dropped), last at {last_tick}; "
        f"scrip master {status.scrip_master} of {status.scrip_master_day or '–'}",
        markup=False,
    )
