"""`python -m sandbox`: start the broker simulator."""

from __future__ import annotations

import asyncio
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sandbox import logs
from sandbox.broker import prepare
from sandbox.errors import BadInputError
from sandbox.listing.layout import ScripLayout, ScripSize
from sandbox.server import bind, serve
from sandbox.settings import (
    DEFAULT_CASH_RUPEES,
    DEFAULT_TICKS_PER_SECOND_EACH,
    Credentials,
    SandboxSettings,
    read_latency,
)

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


class OnOff(StrEnum):
    """A switch on the command line."""

    ON = "on"
    OFF = "off"


class SecondLogin(StrEnum):
    """The broker does not say which of the two is its way."""

    KEEPS = "keeps"
    ENDS = "ends"


@app.command()
def run(
    client_code: Annotated[str, typer.Option(envvar="SANDBOX_CLIENT_CODE", help="The one client, as D12345.")],
    pin: Annotated[str, typer.Option(envvar="SANDBOX_PIN", help="Its four-digit PIN.")],
    totp_secret: Annotated[str, typer.Option(envvar="SANDBOX_TOTP_SECRET", help="Its TOTP secret, base32.")],
    api_key: Annotated[str, typer.Option(envvar="SANDBOX_API_KEY", help="The API key it must send.")],
    state_dir: Annotated[
        Path, typer.Option(help="Folder for the truth log, the CA, and what a restart needs. One sandbox at a time.")
    ],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="HTTP and both WebSockets. 0 = any free port.")] = 0,
    tls_port: Annotated[int, typer.Option(help="The same over TLS (CA in STATE_DIR/ca.pem). 0 = any free port.")] = 0,
    replay: Annotated[
        list[Path] | None,
        typer.Option(
            help="CSV or .csv.gz of minute bars (ts,symbol,open,high,low,close,volume) or ticks (ts,symbol,ltp,cum_volume). "
            "Repeat it to merge files. Without it, seeded prices move by themselves."
        ),
    ] = None,
    speed: Annotated[float, typer.Option(help="Market seconds per real second.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Of generated prices, touch sizes and latencies.")] = 7,
    ticks_per_second: Annotated[
        float | None, typer.Option(help="Generated ticks per market second over all instruments (default 3.5 each).")
    ] = None,
    tick_rate: Annotated[
        float, typer.Option(help="Generated ticks per market second of each instrument that prints.")
    ] = DEFAULT_TICKS_PER_SECOND_EACH,
    scrip_layout: Annotated[
        ScripLayout, typer.Option(help="Scrip master with (new) or without (old) freeze_qty and is_cas_enabled.")
    ] = ScripLayout.NEW,
    scrip_size: Annotated[
        ScripSize,
        typer.Option(
            envvar="SANDBOX_SCRIP_SIZE", help="Scrip master of everything listed, or (small) of the usual names alone."
        ),
    ] = ScripSize.FULL,
    scrip_rows: Annotated[
        Path | None,
        typer.Option(help="A real scrip master (.json or .json.gz): its rows take the place of invented ones."),
    ] = None,
    cash: Annotated[int, typer.Option(help="Rupees the client begins with.")] = DEFAULT_CASH_RUPEES,
    ready_file: Annotated[
        Path | None, typer.Option(help="Written (JSON: http, https, ca_file, pid) once it really serves.")
    ] = None,
    faults: Annotated[
        Path | None,
        typer.Option(help="JSON array of faults that stand from the start, as POST /sandbox/faults takes them."),
    ] = None,
    fault_seed: Annotated[int, typer.Option(help="Of the faults' chances.")] = 7,
    rate_limits: Annotated[
        OnOff, typer.Option(help="The broker's access rates per client code: above them, 403.")
    ] = OnOff.ON,
    rate_limit_multiplier: Annotated[
        float,
        typer.Option(
            envvar="SANDBOX_RATE_LIMIT_MULTIPLIER", help="Scales every access rate: 10 allows ten times as much."
        ),
    ] = 1.0,
    static_ip: Annotated[
        list[str] | None,
        typer.Option(help="Address from which orders are taken; repeat it for a second. Without it, from any."),
    ] = None,
    second_login: Annotated[
        SecondLogin, typer.Option(help="What a second login does to the sessions before it.")
    ] = SecondLogin.KEEPS,
    socket_idle_seconds: Annotated[
        float, typer.Option(help="A socket from which nothing came for so long, no ping either, is cut off. 0 = never.")
    ] = 90.0,
    latency_ms: Annotated[
        str, typer.Option(help="Real milliseconds of an order's way: nine in ten lie in this range. 0 = none.")
    ] = "60-200",
    more_replays: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE", help="More files after --replay FILE.")
    ] = None,
) -> None:
    """A SmartAPI-compatible broker on this machine: login, orders, books, quotes, ticks and order events.

    Point a client at the HTTP port (REST root, ws://.../smart-stream, ws://.../smart-order-update). The market is always open;
    its clock is at GET /sandbox/clock, everything that happened at GET /sandbox/truth, a summary at GET /sandbox/state.

    Example: python -m sandbox --client-code D12345 --pin 1234 --api-key key1 --state-dir /tmp/sandbox --totp-secret \
    JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP
    """
    if more_replays and not replay:
        raise BadInputError(
            "arguments", f"{more_replays[0]} belongs to no option", "recorded data come with --replay FILE"
        )
    settings = SandboxSettings(
        credentials=Credentials(client_code, pin, totp_secret, api_key),
        state_dir=state_dir,
        host=host,
        port=port,
        tls_port=tls_port,
        replay=(*(replay or ()), *(more_replays or ())),
        speed=speed,
        seed=seed,
        ticks_per_second=ticks_per_second,
        tick_rate=tick_rate,
        scrip_layout=scrip_layout,
        scrip_size=scrip_size,
        scrip_rows=scrip_rows,
        cash_rupees=cash,
        ready_file=ready_file,
        faults=faults,
        fault_seed=fault_seed,
        rate_limits=rate_limits is OnOff.ON,
        rate_limit_multiplier=rate_limit_multiplier,
        static_ips=tuple(static_ip or ()),
        latency=read_latency(latency_ms),
        second_login=second_login.value,
        socket_idle_seconds=socket_idle_seconds,
    )
    prepared = prepare(settings)
    ports = bind(settings)
    prepared.state_dir.claim(prepared.identity)
    asyncio.run(serve(prepared, ports))


def main() -> int:
    """Exit code 0 after a signal, 2 for bad input (one line on stderr, nothing changed)."""
    logs.configure()
    try:
        app(standalone_mode=False)
    except (BadInputError, typer.TyperException) as e:
        message = str(e) if isinstance(e, BadInputError) else f"{e.format_message().rstrip('.')}; see --help"
        sys.stderr.write(f"sandbox: {message}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
