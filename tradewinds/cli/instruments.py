"""`tradewinds instruments`: what can be traded or watched today."""

from __future__ import annotations

from typing import Annotated

import typer

from tradewinds.cli.output import print_json, print_table, rupees, to_dict
from tradewinds.cli.running import AsJson, StateDir, with_connection
from tradewinds.v1 import market_data_pb2 as pb

instruments = typer.Typer(no_args_is_help=True, help="Find instruments; show expiries and categories.")

_COLUMNS = ("instrument", "kind", "name", "token", "expiry", ">strike ₹", "", ">lot", ">tick ₹", ">freeze")


@instruments.command()
def search(
    words: Annotated[list[str], typer.Argument(help="The beginning of a symbol, or words: nifty 23500 ce")],
    exchange: Annotated[str, typer.Option(help="Only NSE, BSE, NFO, BFO, MCX, CDS or NCDEX.")] = "",
    kind: Annotated[str, typer.Option(help="Only EQ, INDEX, FUT or OPT.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=100, help="At most so many.")] = 20,
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Find instruments, best match first."""
    request = pb.SearchInstrumentsRequest(
        query=" ".join(words), page_size=limit, exchange=exchange.upper(), kind=kind.upper()
    )
    found = with_connection(state_dir, lambda link: link.call(link.market_data.SearchInstruments, request)).instruments
    if as_json:
        print_json([to_dict(one) for one in found])
        return
    print_table("Instruments", _COLUMNS, [_row(one) for one in found], empty="Nothing matches; try fewer letters.")


@instruments.command()
def show(
    instrument: Annotated[str, typer.Argument(help="RELIANCE, or NSE:RELIANCE-EQ")], state_dir: StateDir = None
) -> None:
    """Show one instrument whole, as JSON."""
    request = pb.GetInstrumentRequest(instrument=instrument)
    print_json(to_dict(with_connection(state_dir, lambda link: link.call(link.market_data.GetInstrument, request))))


@instruments.command()
def expiries(
    underlying: Annotated[str, typer.Argument(help="NIFTY, RELIANCE…")],
    kind: Annotated[str, typer.Option(help="Only FUT or OPT.")] = "",
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """List the expiries of an underlying, nearest first."""
    request = pb.ListExpiriesRequest(underlying=underlying, kind=kind.upper())
    found = with_connection(state_dir, lambda link: link.call(link.market_data.ListExpiries, request)).expiries
    if as_json:
        print_json([to_dict(one) for one in found])
        return
    rows = [(e.expiry, e.exchange, e.kind, "month" if e.monthly else "week", str(e.instruments)) for e in found]
    print_table(
        f"Expiries of {underlying}", ("expiry", "exchange", "kind", "end of", ">contracts"), rows, empty="None."
    )


@instruments.command()
def categories(state_dir: StateDir = None, as_json: AsJson = False) -> None:
    """Count today's instruments by exchange, kind and underlying."""
    request = pb.ListCategoriesRequest()
    found = with_connection(state_dir, lambda link: link.call(link.market_data.ListCategories, request)).categories
    if as_json:
        print_json([to_dict(one) for one in found])
        return
    rows = [(c.exchange, c.kind, c.underlying, str(c.instruments)) for c in found]
    print_table("Categories", ("exchange", "kind", "underlying", ">instruments"), rows, empty="No scrip master yet.")


def _row(one: pb.Instrument) -> tuple[str, ...]:
    return (
        one.instrument,
        one.kind,
        one.name,
        one.token,
        one.expiry,
        rupees(one.strike) if one.strike else "",
        one.option_type,
        str(one.lot_size),
        rupees(one.tick_size),
        str(one.freeze_quantity or "–"),
    )
