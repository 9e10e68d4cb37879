"""`tradewinds notifications`: what happened, and what happens now."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from tradewinds.cli.output import console, print_json, print_plain, print_table, short, to_dict, when
from tradewinds.cli.running import AsJson, StateDir, with_connection
from tradewinds.client.connection import Connection
from tradewinds.v1 import notifier_pb2


def notifications(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Stay, and show each one as it happens.")] = False,
    unread: Annotated[bool, typer.Option("--unread", help="Only those not read yet.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many.")] = 20,
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Show notifications, newest first; with --follow live ones, until Ctrl-C."""
    if follow:
        with_connection(state_dir, lambda link: _follow(link, as_json=as_json))
        return
    request = notifier_pb2.ListNotificationsRequest(unread_only=unread, page_size=limit)
    page = with_connection(state_dir, lambda link: link.call(link.notifier.ListNotifications, request))
    if as_json:
        print_json([to_dict(notification) for notification in page.notifications])
        return
    rows = [_row(notification) for notification in page.notifications]
    print_table("Notifications", ("IST", "severity", "type", "title", "message"), rows, empty="No notifications.")


async def _follow(connection: Connection, *, as_json: bool) -> None:
    request = notifier_pb2.WatchNotificationsRequest()
    async for batch in connection.watch(connection.notifier.WatchNotifications, request):
        for notification in batch.notifications:
            if as_json:
                print_plain(json.dumps(to_dict(notification)))
            else:
                console.print("  ".join(_row(notification)), markup=False)
        if batch.HasField("end"):
            console.print(f"the stream ended: {batch.end.message}", markup=False)


def _row(notification: notifier_pb2.Notification) -> tuple[str, ...]:
    severity = short(notifier_pb2.Severity, notification.severity)
    return (when(notification.created_at), severity, notification.type, notification.title, notification.message)
