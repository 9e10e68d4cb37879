"""`tradewinds notifications`: what happened, what happens now, and what is told to whom."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from google.protobuf import json_format
from google.protobuf.message import Message

from tradewinds.cli.output import console, print_json, print_plain, print_table, short, to_dict, when
from tradewinds.cli.phone import phone
from tradewinds.cli.running import AsJson, StateDir, with_connection
from tradewinds.client.connection import Connection
from tradewinds.v1 import notifier_pb2 as pb

MessageT = TypeVar("MessageT", bound=Message)

notifications = typer.Typer(
    invoke_without_command=True,
    help="See notifications; read and acknowledge them; say what is told where.",
)
settings = typer.Typer(no_args_is_help=True, help="What you want to be told, where and when.")
endpoints = typer.Typer(no_args_is_help=True, help="Where your channels lead to.")
templates = typer.Typer(no_args_is_help=True, help="What notifications say.")
notifications.add_typer(phone, name="phone")
notifications.add_typer(settings, name="settings")
notifications.add_typer(endpoints, name="endpoints")
notifications.add_typer(templates, name="templates")

JsonFile = Annotated[typer.FileText, typer.Argument(help="A JSON file; - is standard input.")]
Whose = Annotated[str, typer.Option("--user", help="Whose; operators and admins may name somebody else.")]
NotificationId = Annotated[str, typer.Argument(help="Its id.")]


@notifications.callback()
def show(
    context: typer.Context,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Stay, and show each one as it happens.")] = False,
    unread: Annotated[bool, typer.Option("--unread", help="Only those not read yet.")] = False,
    unacknowledged: Annotated[
        bool, typer.Option("--unacknowledged", help="Only those that wait for somebody to see to them.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many.")] = 20,
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Show notifications, newest first; with --follow live ones, until Ctrl-C."""
    if context.invoked_subcommand is not None:
        return
    if follow:
        with_connection(state_dir, lambda link: _follow(link, as_json=as_json))
        return
    request = pb.ListNotificationsRequest(unread_only=unread, unacknowledged_only=unacknowledged, page_size=limit)
    page = with_connection(state_dir, lambda link: link.call(link.notifier.ListNotifications, request))
    if as_json:
        print_json([to_dict(notification) for notification in page.notifications])
        return
    rows = [(*_row(notification), notification.notification_id) for notification in page.notifications]
    columns = ("IST", "severity", "type", "title", "message", "id")
    print_table("Notifications", columns, rows, empty="No notifications.")


async def _follow(connection: Connection, *, as_json: bool) -> None:
    request = pb.WatchNotificationsRequest()
    async for batch in connection.watch(connection.notifier.WatchNotifications, request):
        for notification in batch.notifications:
            if as_json:
                print_plain(json.dumps(to_dict(notification)))
            else:
                console.print("  ".join(_row(notification)), markup=False)
        if batch.HasField("end"):
            console.print(f"the stream ended: {batch.end.message}", markup=False)


def _row(notification: pb.Notification) -> tuple[str, ...]:
    severity = short(pb.Severity, notification.severity)
    return (when(notification.created_at), severity, notification.type, notification.title, notification.message)


@notifications.command()
def ack(notification_id: NotificationId, state_dir: StateDir = None) -> None:
    """Acknowledge one: you see to it, and its escalation ends."""
    request = pb.AcknowledgeNotificationRequest(notification_id=notification_id)
    done = with_connection(state_dir, lambda link: link.call(link.notifier.AcknowledgeNotification, request))
    print_plain(f"acknowledged by {done.acknowledged_by} at {when(done.acknowledged_at)}: {done.title}")


@notifications.command()
def read(
    notification_id: Annotated[str, typer.Argument(help="Its id; all when left out.")] = "", state_dir: StateDir = None
) -> None:
    """Mark one, or all, as read."""
    if notification_id:
        one = pb.MarkNotificationReadRequest(notification_id=notification_id)
        with_connection(state_dir, lambda link: link.call(link.notifier.MarkNotificationRead, one))
        print_plain("read")
        return
    request = pb.MarkAllNotificationsReadRequest()
    done = with_connection(state_dir, lambda link: link.call(link.notifier.MarkAllNotificationsRead, request))
    print_plain(f"{done.count} read")


@notifications.command()
def explain(notification_id: NotificationId, state_dir: StateDir = None, as_json: AsJson = False) -> None:
    """Say for each channel why it was or was not sent, and what became of it."""
    request = pb.ExplainNotificationRequest(notification_id=notification_id)
    answer = with_connection(state_dir, lambda link: link.call(link.notifier.ExplainNotification, request))
    if as_json:
        print_json(to_dict(answer))
        return
    rows = [
        (
            short(pb.NotificationChannel, one.channel),
            short(pb.NotificationAction, one.action),
            one.reason,
            when(one.until),
            one.delivery.state,
            one.delivery.detail,
        )
        for one in answer.decisions
    ]
    columns = ("channel", "action", "reason", "until", "state", "detail")
    print_table(answer.notification.title, columns, rows, empty="Nothing was decided.")


@notifications.command()
def deliveries(
    state: Annotated[list[str] | None, typer.Option("--state", help="Only of this state, such as DEAD.")] = None,
    channel: Annotated[str, typer.Option(help="Only on this channel, such as EMAIL.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many.")] = 20,
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Show what went outside, newest first."""
    request = pb.ListNotificationDeliveriesRequest(
        states=[one.upper() for one in state or []], channel=_channel(channel), page_size=limit
    )
    page = with_connection(state_dir, lambda link: link.call(link.notifier.ListNotificationDeliveries, request))
    if as_json:
        print_json([to_dict(one) for one in page.deliveries])
        return
    rows = [
        (
            when(one.created_at),
            one.user_id,
            short(pb.NotificationChannel, one.channel),
            one.state,
            str(one.attempts),
            one.provider,
            one.detail,
            one.delivery_id,
        )
        for one in page.deliveries
    ]
    columns = ("IST", "user", "channel", "state", ">tries", "provider", "detail", "id")
    print_table("Deliveries", columns, rows, empty="No deliveries.")


@notifications.command()
def redrive(
    delivery_ids: Annotated[list[str] | None, typer.Argument(help="Ids; or use --channel.")] = None,
    channel: Annotated[str, typer.Option(help="All that ended on this channel.")] = "",
    reason: Annotated[str, typer.Option(help="Why; goes into the audit log.")] = "",
    state_dir: StateDir = None,
) -> None:
    """Send again what is DEAD or EXPIRED."""
    request = pb.RedriveNotificationDeliveriesRequest(
        delivery_ids=delivery_ids or [], channel=_channel(channel), reason=reason
    )
    done = with_connection(state_dir, lambda link: link.call(link.notifier.RedriveNotificationDeliveries, request))
    print_plain(f"{done.count} sent again")


@settings.command("get")
def get_settings(user_id: Whose = "me", state_dir: StateDir = None) -> None:
    """Print the settings as JSON, ready to be changed and given to `set`."""
    request = pb.GetNotificationSettingsRequest(user_id=user_id)
    found = with_connection(state_dir, lambda link: link.call(link.notifier.GetNotificationSettings, request))
    print_json(json_format.MessageToDict(found, preserving_proto_field_name=True))


@settings.command("set")
def set_settings(file: JsonFile, user_id: Whose = "me", state_dir: StateDir = None) -> None:
    """Replace the settings by those of a JSON file."""
    wanted = _parsed(file, pb.NotificationSettings())
    request = pb.UpdateNotificationSettingsRequest(user_id=user_id, settings=wanted)
    changed = with_connection(state_dir, lambda link: link.call(link.notifier.UpdateNotificationSettings, request))
    print_json(json_format.MessageToDict(changed, preserving_proto_field_name=True))


@endpoints.command("list")
def list_endpoints(user_id: Whose = "me", state_dir: StateDir = None, as_json: AsJson = False) -> None:
    """Show where the channels lead to."""
    request = pb.ListNotificationEndpointsRequest(user_id=user_id)
    found = with_connection(state_dir, lambda link: link.call(link.notifier.ListNotificationEndpoints, request))
    if as_json:
        print_json([to_dict(one) for one in found.endpoints])
        return
    rows = [
        (
            short(pb.NotificationChannel, one.channel),
            one.address,
            one.label,
            one.disabled_reason or ("" if one.HasField("verified_at") else "not verified yet"),
            one.endpoint_id,
        )
        for one in found.endpoints
    ]
    print_table("Endpoints", ("channel", "address", "label", "not used because", "id"), rows, empty="No endpoints.")


@endpoints.command("add")
def add_endpoint(
    channel: Annotated[str, typer.Argument(help="EMAIL, SMS, TELEGRAM, WEBHOOK or APPRISE.")],
    address: Annotated[str, typer.Argument(help="An e-mail address, a number, a chat id or a URL.")],
    label: Annotated[str, typer.Option(help="A name for people.")] = "",
    user_id: Whose = "me",
    vouch: Annotated[bool, typer.Option("--vouch", help="Send no code; operators and admins only.")] = False,
    state_dir: StateDir = None,
) -> None:
    """Add an endpoint, which gets a code; a webhook's signing secret is shown this once."""
    endpoint = pb.NotificationEndpoint(channel=_channel(channel), address=address, label=label)
    request = pb.CreateNotificationEndpointRequest(user_id=user_id, endpoint=endpoint, skip_verification=vouch)
    added = with_connection(state_dir, lambda link: link.call(link.notifier.CreateNotificationEndpoint, request))
    print_plain(f"{added.endpoint_id} {added.address}" + (f" secret {added.secret}" if added.secret else ""))
    if not added.HasField("verified_at"):
        print_plain(f"a code was sent there:  tradewinds notifications endpoints verify {added.endpoint_id} CODE")


@endpoints.command("verify")
def verify_endpoint(
    endpoint_id: Annotated[str, typer.Argument(help="Its id.")],
    code: Annotated[str, typer.Argument(help="What was sent there.")],
    user_id: Whose = "me",
    state_dir: StateDir = None,
) -> None:
    """Say the code that an endpoint got; from then on it is used."""
    request = pb.VerifyNotificationEndpointRequest(user_id=user_id, endpoint_id=endpoint_id, code=code)
    verified = with_connection(state_dir, lambda link: link.call(link.notifier.VerifyNotificationEndpoint, request))
    print_plain(f"{verified.address} is used from now on")


@endpoints.command("remove")
def remove_endpoint(
    endpoint_id: Annotated[str, typer.Argument(help="Its id.")], user_id: Whose = "me", state_dir: StateDir = None
) -> None:
    """Remove an endpoint; what was still to be sent there is not sent."""
    request = pb.DeleteNotificationEndpointRequest(user_id=user_id, endpoint_id=endpoint_id)
    with_connection(state_dir, lambda link: link.call(link.notifier.DeleteNotificationEndpoint, request))
    print_plain("removed")


@templates.command("list")
def list_templates(state_dir: StateDir = None, as_json: AsJson = False) -> None:
    """Show the templates that you may use."""
    request = pb.ListAlertTemplatesRequest(page_size=500)
    found = with_connection(state_dir, lambda link: link.call(link.notifier.ListAlertTemplates, request))
    if as_json:
        print_json([to_dict(one) for one in found.alert_templates])
        return
    rows = [
        (
            one.template_id,
            str(one.version),
            ", ".join(content.locale for content in one.contents),
            "yes" if one.shared else "",
            one.description,
        )
        for one in found.alert_templates
    ]
    print_table(
        "Templates", ("template", ">version", "languages", "shared", "description"), rows, empty="No templates."
    )


@templates.command("preview")
def preview_template(
    template: Annotated[str, typer.Argument(help="A template's id, or a JSON file with one.")],
    parameters: Annotated[str, typer.Option("--parameters", "-p", help="JSON object.")] = "{}",
    locale: Annotated[str, typer.Option(help="The language, such as hi-IN.")] = "",
    state_dir: StateDir = None,
) -> None:
    """Say what a template would say on every channel, and what it costs as a text message."""
    request = pb.PreviewAlertTemplateRequest(locale=locale)
    request.template_parameters.update(_object(parameters))
    if (file := Path(template)).is_file():
        with file.open() as opened:
            request.alert_template.CopyFrom(_parsed(opened, pb.AlertTemplate()))
    else:
        request.template_id = template
    said = with_connection(state_dir, lambda link: link.call(link.notifier.PreviewAlertTemplate, request))
    print_json(to_dict(said))


@templates.command("put")
def put_template(file: JsonFile, state_dir: StateDir = None) -> None:
    """Store the template of a JSON file: a new one, or a new version."""
    wanted = _parsed(file, pb.AlertTemplate())
    stored = with_connection(state_dir, lambda link: _put(link, wanted))
    print_plain(f"{stored.template_id} version {stored.version}")


async def _put(link: Connection, wanted: pb.AlertTemplate) -> pb.AlertTemplate:
    found = await link.call(link.notifier.ListAlertTemplates, pb.ListAlertTemplatesRequest(page_size=500))
    known = any(one.template_id == wanted.template_id and one.shared == wanted.shared for one in found.alert_templates)
    stored: pb.AlertTemplate
    if known:
        update = pb.UpdateAlertTemplateRequest(template_id=wanted.template_id, alert_template=wanted)
        stored = await link.call(link.notifier.UpdateAlertTemplate, update)
    else:
        create = pb.CreateAlertTemplateRequest(alert_template=wanted)
        stored = await link.call(link.notifier.CreateAlertTemplate, create)
    return stored


def _channel(word: str) -> Any:
    name = f"NOTIFICATION_CHANNEL_{word.upper()}"
    if word and name not in pb.NotificationChannel.keys():  # noqa: SIM118 - an enum of protobuf, no mapping
        known = ", ".join(short(pb.NotificationChannel, number) for number in pb.NotificationChannel.values() if number)
        raise typer.BadParameter(f"{word!r} is not a channel; use one of {known}")
    return pb.NotificationChannel.Value(name) if word else 0


def _parsed(file: Any, message: MessageT) -> MessageT:
    try:
        return json_format.Parse(file.read(), message)
    except json_format.ParseError as e:
        raise typer.BadParameter(f"{file.name}: {e}") from e


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as e:
        raise typer.BadParameter(f"--parameters: {e}") from e
    if not isinstance(value, dict):
        raise typer.BadParameter("--parameters: is not a JSON object")
    return value
