"""`tradewinds alerts`: be told when an instrument does what you wait for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from google.protobuf.timestamp_pb2 import Timestamp

from tradewinds.cli.output import console, print_json, print_table, short, to_dict, when
from tradewinds.cli.running import AsJson, StateDir, with_connection
from tradewinds.ids import new_id
from tradewinds.v1 import price_alert_pb2 as pb

alerts = typer.Typer(no_args_is_help=True, help="Be told when a price does what you wait for.")

AlertId = Annotated[str, typer.Argument(help="The alert's id, from `tradewinds alerts list`.", show_default=False)]

_COLUMNS = ("alert", "instrument", "waits for", "how often", "state", ">fires", "last (IST)", "note")
_FIRE_COLUMNS = ("IST", "instrument", "what", ">value", ">before", "told", "alert")
_MEASURE_WORDS = {"PRICE": "", "VOLUME": "volume ", "OPEN_INTEREST": "open interest "}


@alerts.command("list")
def list_alerts(
    instrument: Annotated[str, typer.Option(help="Only of this instrument.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many.")] = 50,
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Show your alerts, newest first."""
    request = pb.ListPriceAlertsRequest(instrument=instrument, page_size=limit)
    page = with_connection(state_dir, lambda link: link.call(link.notifier.ListPriceAlerts, request))
    _show(list(page.price_alerts), as_json=as_json)


@alerts.command()
def add(
    instrument: Annotated[str, typer.Argument(help="RELIANCE, or NSE:RELIANCE-EQ", show_default=False)],
    condition: Annotated[
        str,
        typer.Argument(
            help="above, below, crosses, crosses-up, crosses-down, rises-percent, falls-percent, moves-percent, falls-from-high, "
            "rises-from-low, enters-channel or leaves-channel",
            show_default=False,
        ),
    ],
    values: Annotated[
        list[str],
        typer.Argument(help="The level; two borders for a channel; 2.5% or a distance in rupees.", show_default=False),
    ],
    measure: Annotated[str, typer.Option(help="price, volume or open-interest.")] = "price",
    reference: Annotated[str, typer.Option(help="previous-close, last-price, or a price in rupees.")] = "",
    every: Annotated[str, typer.Option(help="once, time, day, or a bar: 1m, 3m, 5m, 15m.", show_default=True)] = "once",
    cooldown: Annotated[int, typer.Option(help="Seconds of quiet after a fire, with --every time.")] = 0,
    hysteresis: Annotated[str, typer.Option(help="How far it must go back before it fires again.")] = "",
    expires_in: Annotated[float, typer.Option(min=0, help="Hours until it ends; 0: never.")] = 0,
    note: Annotated[str, typer.Option(help="What to be reminded of.")] = "",
    template: Annotated[str, typer.Option(help="The template whose words a fire is told in.")] = "",
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Make an alert: `tradewinds alerts add SBIN crosses-up 800`, `… add NIFTY moves-percent 1.5% --every day`."""
    alert = pb.PriceAlert(
        instrument=instrument,
        measure=_number(pb.PriceAlertMeasure, measure, "--measure"),
        condition=_number(pb.PriceAlertCondition, condition, "CONDITION"),
        cooldown_seconds=cooldown,
        hysteresis=hysteresis,
        note=note,
        template_id=template,
    )
    _set_values(alert, condition, values)
    _set_reference(alert, reference)
    _set_frequency(alert, every)
    if expires_in:
        alert.expires_at.CopyFrom(_timestamp(datetime.now(UTC) + timedelta(hours=expires_in)))
    request = pb.CreatePriceAlertRequest(price_alert=alert, request_id=new_id("cli"))
    made = with_connection(state_dir, lambda link: link.call(link.notifier.CreatePriceAlert, request))
    _show([made], as_json=as_json)


@alerts.command()
def delete(alert_id: AlertId, state_dir: StateDir = None) -> None:
    """Delete an alert; what it has fired stays listed."""
    request = pb.DeletePriceAlertRequest(alert_id=alert_id)
    with_connection(state_dir, lambda link: link.call(link.notifier.DeletePriceAlert, request))
    console.print(f"{alert_id} is deleted.", markup=False)


@alerts.command()
def snooze(
    alert_id: AlertId,
    minutes: Annotated[float, typer.Argument(min=0, help="For how long; 0 ends the silence.")] = 60,
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Silence an alert for a while: it sees crossings and does not tell them."""
    request = pb.SnoozePriceAlertRequest(alert_id=alert_id, duration_seconds=round(minutes * 60))
    _show(
        [with_connection(state_dir, lambda link: link.call(link.notifier.SnoozePriceAlert, request))], as_json=as_json
    )


@alerts.command()
def rearm(alert_id: AlertId, state_dir: StateDir = None, as_json: AsJson = False) -> None:
    """Arm an alert anew, from the price of this moment."""
    request = pb.RearmPriceAlertRequest(alert_id=alert_id)
    _show([with_connection(state_dir, lambda link: link.call(link.notifier.RearmPriceAlert, request))], as_json=as_json)


@alerts.command()
def fires(
    alert_id: Annotated[str, typer.Argument(help="Of one alert; of all when left out.")] = "-",
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many.")] = 20,
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Show what fired, newest first."""
    request = pb.ListPriceAlertFiresRequest(alert_id=alert_id, page_size=limit)
    page = with_connection(state_dir, lambda link: link.call(link.notifier.ListPriceAlertFires, request))
    if as_json:
        print_json([to_dict(fire) for fire in page.fires])
        return
    print_table("Price alerts that fired", _FIRE_COLUMNS, map(_fire_row, page.fires), empty="Nothing has fired.")


def _set_values(alert: pb.PriceAlert, condition: str, values: list[str]) -> None:
    condition = condition.lower()
    names = ("lower", "upper") if condition.endswith("channel") else ("threshold",)
    if condition.endswith(("percent", "high", "low")):
        names = ("percent",) if values[0].endswith("%") or condition.endswith("percent") else ("distance",)
    if len(values) != len(names):
        raise typer.BadParameter(f"VALUES: {condition} takes {len(names)}, {len(values)} were given")
    for name, value in zip(names, values, strict=True):
        setattr(alert, name, value.removesuffix("%"))


def _set_reference(alert: pb.PriceAlert, reference: str) -> None:
    if not reference:
        return
    if reference[0].isdigit():
        alert.reference, alert.reference_price = pb.PRICE_ALERT_REFERENCE_GIVEN, reference
    else:
        alert.reference = _number(pb.PriceAlertReference, reference, "--reference")


def _set_frequency(alert: pb.PriceAlert, every: str) -> None:
    if every[0].isdigit():
        alert.frequency, alert.bar_interval = pb.PRICE_ALERT_FREQUENCY_ONCE_PER_BAR, every
        return
    words = {"once": "ONCE", "time": "EVERY_TIME", "day": "ONCE_A_DAY"}
    if every not in words:
        raise typer.BadParameter(f"--every: {every!r} is none of {', '.join(words)}, 1m, 3m, 5m, 15m")
    alert.frequency = _number(pb.PriceAlertFrequency, words[every], "--every")


def _number(enum: Any, word: str, parameter: str) -> Any:
    """`crosses-up` as a number of an enum of the contract."""
    wanted = word.upper().replace("-", "_")
    choices = {short(enum, number): number for number in enum.values() if number}
    if wanted not in choices:
        listed = ", ".join(name.lower().replace("_", "-") for name in choices)
        raise typer.BadParameter(f"{parameter}: {word!r} is none of {listed}")
    return choices[wanted]


def _show(listed: list[pb.PriceAlert], *, as_json: bool) -> None:
    if as_json:
        print_json([to_dict(alert) for alert in listed])
        return
    rows = map(_row, listed)
    print_table(
        "Price alerts", _COLUMNS, rows, empty="No alerts. Make one with `tradewinds alerts add SBIN crosses-up 800`."
    )


def _row(alert: pb.PriceAlert) -> tuple[str, ...]:
    return (
        alert.alert_id,
        alert.instrument,
        _waits_for(alert),
        _how_often(alert),
        _state(alert),
        str(alert.fire_count),
        when(alert.last_fired_at, date=True),
        alert.note,
    )


def _waits_for(alert: pb.PriceAlert) -> str:
    what = short(pb.PriceAlertCondition, alert.condition).lower().replace("_", " ")
    if alert.lower:
        amount = f"{alert.lower} to {alert.upper}"
    elif alert.threshold:
        amount = alert.threshold
    else:
        amount = alert.distance or f"{alert.percent} %"
    origin = f" (from {alert.reference_price})" if alert.reference_price else ""
    return f"{_MEASURE_WORDS[short(pb.PriceAlertMeasure, alert.measure)]}{what} {amount}{origin}"


def _how_often(alert: pb.PriceAlert) -> str:
    often = short(pb.PriceAlertFrequency, alert.frequency).lower().replace("_", " ")
    if alert.bar_interval:
        return f"{often} ({alert.bar_interval})"
    return f"{often} ({alert.cooldown_seconds} s)" if alert.cooldown_seconds else often


def _state(alert: pb.PriceAlert) -> str:
    state = short(pb.PriceAlertState, alert.state)
    if alert.problem:
        return f"{state}, {alert.problem}"
    if alert.snoozed_until.ToDatetime(tzinfo=UTC) > datetime.now(UTC):
        return f"{state}, silent until {when(alert.snoozed_until)}"
    return state


def _fire_row(fire: pb.PriceAlertFire) -> tuple[str, ...]:
    told = when(fire.told_at) if fire.told_at.seconds else "not yet"
    return (
        when(fire.fired_at, date=True),
        fire.instrument,
        f"{fire.description}{' (late)' if fire.late else ''}",
        fire.value,
        fire.previous_value,
        f"{told}{' (grouped)' if fire.grouped else ''}",
        fire.alert_id,
    )


def _timestamp(moment: datetime) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp
