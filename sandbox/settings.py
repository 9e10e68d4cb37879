"""What the person who starts the sandbox decides, checked before anything is touched."""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass
from pathlib import Path

import pyotp

from sandbox.errors import BadInputError
from sandbox.latency import USUAL_LATENCY, Latency
from sandbox.listing.layout import ScripLayout, ScripSize

DEFAULT_TICKS_PER_SECOND_EACH = 3.5
DEFAULT_CASH_RUPEES = 10_000_000


@dataclass(frozen=True, slots=True)
class Credentials:
    """The one client of this broker."""

    client_code: str
    pin: str
    totp_secret: str
    api_key: str


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """`speed` is market seconds per real second.

    `tick_rate` is generated ticks a second of each instrument, `ticks_per_second` over the usual ones together.
    """

    credentials: Credentials
    state_dir: Path
    host: str = "127.0.0.1"
    port: int = 0
    tls_port: int = 0
    replay: tuple[Path, ...] = ()
    speed: float = 1.0
    seed: int = 7
    ticks_per_second: float | None = None
    tick_rate: float = DEFAULT_TICKS_PER_SECOND_EACH
    scrip_layout: ScripLayout = ScripLayout.NEW
    scrip_size: ScripSize = ScripSize.FULL
    scrip_rows: Path | None = None
    cash_rupees: int = DEFAULT_CASH_RUPEES
    ready_file: Path | None = None
    faults: Path | None = None
    fault_seed: int = 7
    rate_limits: bool = True
    rate_limit_multiplier: float = 1.0
    static_ips: tuple[str, ...] = ()
    second_login: str = "keeps"
    socket_idle_seconds: float = 90.0
    latency: Latency = USUAL_LATENCY

    def __post_init__(self) -> None:
        _check_credentials(self.credentials)
        _check_numbers(self)
        _check_access(self)
        if self.state_dir.exists() and not self.state_dir.is_dir():
            raise BadInputError("--state-dir", f"{self.state_dir} is a file", "give a folder")
        if self.ready_file is not None and not os.access(self.ready_file.absolute().parent, os.W_OK):
            raise BadInputError(
                "--ready-file", f"its folder {self.ready_file.absolute().parent} cannot be written", "create it first"
            )


def _check_credentials(credentials: Credentials) -> None:
    if not re.fullmatch(r"[A-Za-z0-9]{1,20}", credentials.client_code):
        raise BadInputError(
            "--client-code", f"{credentials.client_code!r} is not a client code", "give letters and digits, as D12345"
        )
    if not re.fullmatch(r"\d{4}", credentials.pin):
        raise BadInputError("--pin", "it is not four digits", "give the four-digit PIN, as 1234")
    if not credentials.api_key:
        raise BadInputError("--api-key", "it is empty", "give any text without spaces")
    try:
        pyotp.TOTP(credentials.totp_secret).now()
    except ValueError as e:
        raise BadInputError(
            "--totp-secret",
            f"it cannot be used ({e})",
            "use 32 letters A-Z and digits 2-7, as pyotp.random_base32() gives",
        ) from e


def _check_numbers(settings: SandboxSettings) -> None:
    if not 0.01 <= settings.speed <= 10_000:
        raise BadInputError("--speed", f"{settings.speed} is out of range", "give a number from 0.01 to 10000")
    for option, port in (("--port", settings.port), ("--tls-port", settings.tls_port)):
        if not 0 <= port <= 65_535:
            raise BadInputError(option, f"{port} is not a port", "give 0 (any free port) to 65535")
    rate = settings.ticks_per_second
    if rate is not None and not 0.1 <= rate <= 20_000:
        raise BadInputError("--ticks-per-second", f"{rate} is out of range", "give a number from 0.1 to 20000")
    if rate is not None and settings.replay:
        raise BadInputError(
            "--ticks-per-second", "recorded data have their own rate", "leave it out, or leave out --replay"
        )
    if not 0.01 <= settings.tick_rate <= 1_000:
        raise BadInputError("--tick-rate", f"{settings.tick_rate} is out of range", "give a number from 0.01 to 1000")
    if settings.cash_rupees < 0:
        raise BadInputError("--cash", f"{settings.cash_rupees} is negative", "give whole rupees, 0 or more")


def read_latency(text: str) -> Latency:
    """`60-200` or `0`: milliseconds. Raises BadInputError."""
    low, _, high = text.partition("-")
    try:
        bounds = float(low), float(high or low)
    except ValueError:
        bounds = -1.0, -1.0
    if not 0 <= bounds[0] <= bounds[1] <= 60_000:
        raise BadInputError(
            "--latency-ms", f"{text!r} is no range of milliseconds", "give two numbers, as 60-200, or 0"
        )
    return Latency(max(bounds[0], 0.01), max(bounds[1], 0.01))


def _check_access(settings: SandboxSettings) -> None:
    if not 0.001 <= settings.rate_limit_multiplier <= 1000:
        raise BadInputError(
            "--rate-limit-multiplier",
            f"{settings.rate_limit_multiplier} is out of range",
            "give a number from 0.001 to 1000, or --rate-limits off",
        )
    if not 0 <= settings.socket_idle_seconds <= 86_400:
        raise BadInputError(
            "--socket-idle-seconds", f"{settings.socket_idle_seconds} is out of range", "give 0 (never) to 86400"
        )
    if settings.second_login not in ("keeps", "ends"):
        raise BadInputError(
            "--second-login", f"{settings.second_login!r} is neither keeps nor ends", "give one of them"
        )
    for address in settings.static_ips:
        try:
            ipaddress.ip_address(address)
        except ValueError as e:
            raise BadInputError("--static-ip", f"{address!r} is no IP address", "give one, as 127.0.0.1") from e
