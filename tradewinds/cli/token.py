"""`tradewinds token`: print a bearer token."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from tradewinds.cli.running import say_error
from tradewinds.client.target import DEFAULT_STATE_DIR
from tradewinds.embedded.installation import OWNER, OWNER_ROLES, Installation
from tradewinds.errors import TradewindsError


def token(
    user: Annotated[str, typer.Option(help="Whom it stands for.")] = OWNER,
    role: Annotated[
        list[str] | None, typer.Option(help="viewer, trader, operator, admin; repeatable. Default: the owner's roles.")
    ] = None,
    hours: Annotated[float, typer.Option(min=0.01, max=24 * 365, help="How long it is good for.")] = 24.0,
    state_dir: Annotated[
        Path, typer.Option(envvar="TRADEWINDS_STATE_DIR", help="The state folder, which holds the signing key.")
    ] = DEFAULT_STATE_DIR,
) -> None:
    """Print a bearer token for REST, SSE and gRPC: `curl -H "Authorization: Bearer $(tradewinds token)" …`."""
    try:
        typer.echo(Installation(state_dir).token(user, tuple(role or OWNER_ROLES), timedelta(hours=hours)))
    except TradewindsError as e:
        say_error(e)
        raise typer.Exit(1) from e
