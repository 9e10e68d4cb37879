"""`tradewinds broker`: is a real account ready?"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

broker = typer.Typer(no_args_is_help=True, help="A real broker account: prove that it is ready.")


@broker.callback()
def _group() -> None:
    """Keeps `check` a command of its own while it is the only one."""


@broker.command()
def check(as_json: Annotated[bool, typer.Option("--json", help="One JSON object a step.")] = False) -> None:
    """Prove, read-only, that an Angel One account works from here: clock, login, profile, funds, books, streams, one tick.

    Reads BROKER_CLIENT_CODE, BROKER_PIN, BROKER_TOTP_SECRET and BROKER_API_KEY from the environment, prints no secret and sends no
    order. The login opens a session of its own. Exit code 1 when a step failed, 2 when settings are missing.
    """
    arguments = [sys.executable, "-m", "engine_server", "broker-check", *(["--json"] if as_json else [])]
    os.execv(sys.executable, arguments)  # noqa: S606 - our own module; the command line imports no service
