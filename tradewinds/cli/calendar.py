"""`tradewinds calendar`: when which market is open, and how an operator changes it."""

from __future__ import annotations

from typing import Annotated

import typer

from tradewinds.cli.output import print_json, print_table, to_dict
from tradewinds.cli.running import AsJson, StateDir, with_connection
from tradewinds.ids import new_id
from tradewinds.v1 import market_data_pb2 as pb

calendar = typer.Typer(no_args_is_help=True, help="See and change when the markets are open.")

Segment = Annotated[str, typer.Option(help="NSE_CM, NSE_FO, BSE_CM, BSE_FO, MCX or CDS; all when left out.")]


@calendar.command()
def show(
    start: Annotated[str, typer.Argument(help="First day, YYYY-MM-DD; today when left out.")] = "",
    end: Annotated[str, typer.Argument(help="Last day; the first one when left out.")] = "",
    segment: Segment = "",
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Show the phases of days."""
    request = pb.ListCalendarDaysRequest(start_day=start, end_day=end, segment=segment)
    days = with_connection(state_dir, lambda link: link.call(link.market_data.ListCalendarDays, request)).days
    print_json([to_dict(day) for day in days]) if as_json else _print(list(days))


@calendar.command("set")
def set_day(
    segment: Annotated[str, typer.Argument(help="NSE_CM, NSE_FO, BSE_CM, BSE_FO, MCX or CDS")],
    day: Annotated[str, typer.Argument(help="YYYY-MM-DD")],
    phases: Annotated[
        list[str] | None,
        typer.Argument(help="PHASE=HH:MM-HH:MM …, such as CONTINUOUS=18:15-19:15; none closes the day."),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; goes into the audit log.")] = "",
    note: Annotated[str, typer.Option(help="What is special about the day, such as Muhurat.")] = "",
    instrument_class: Annotated[str, typer.Option("--class", help="CAS: instruments with a closing auction.")] = "",
    state_dir: StateDir = None,
) -> None:
    """Replace one day of one segment. The older version stays on record."""
    request = pb.UpdateCalendarDayRequest(
        segment=segment,
        day=day,
        instrument_class=instrument_class,
        phases=[_phase(text) for text in phases or []],
        note=note,
        reason=reason,
        request_id=new_id("cli"),
    )
    _print([with_connection(state_dir, lambda link: link.call(link.market_data.UpdateCalendarDay, request))])


def _phase(text: str) -> pb.CalendarPhase:
    name, equals, times = text.partition("=")
    start, dash, end = times.partition("-")
    if not (equals and dash):
        raise typer.BadParameter(f"PHASES: {text!r} is not of the form CONTINUOUS=09:15-15:30")
    return pb.CalendarPhase(phase=name.upper(), start=start, end=end)


def _print(days: list[pb.CalendarDay]) -> None:
    rows = [
        (
            day.day,
            day.segment,
            day.instrument_class,
            "  ".join(f"{p.phase} {p.start}-{p.end}" for p in day.phases) or _without_phases(day),
            day.note,
            str(day.version or "–"),
        )
        for day in days
    ]
    print_table("Calendar (IST)", ("day", "segment", "class", "phases", "note", ">version"), rows, empty="No days.")


def _without_phases(day: pb.CalendarDay) -> str:
    return "closed" if day.known else "UNKNOWN: no entries are let through; set it with `tradewinds calendar set`"
