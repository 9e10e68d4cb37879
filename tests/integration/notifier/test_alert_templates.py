"""Alert templates over the wire: made, changed, previewed, sent, and in the mailbox; and the command line."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from google.protobuf import json_format

from tests.integration.notifier.conftest import Caller, SharedNotifier
from tests.integration.notifier.test_delivery import email_of, notifier
from tests.support.gateway_process import GatewayProcess
from tests.support.outside_world import Mailbox
from tests.support.service_process import REPOSITORY
from tests.support.signing import Signing
from tests.support.waiting import eventually
from tradewinds import auth
from tradewinds.errors import from_rpc_error
from tradewinds.v1 import notifier_pb2 as pb

FILL: dict[str, Any] = {
    "template_id": "fill",
    "parameters_schema": {"type": "object", "required": ["symbol"], "properties": {"symbol": {"type": "string"}}},
    "contents": [
        {
            "locale": "en",
            "title": "{{ symbol }} bought",
            "message": "at ₹{{ price | rupees }}",
            "email_subject": "Bought: {{ symbol }}",
            "email_html": "<b>{{ symbol }}</b>",
            "sms": "{{ symbol }} bought",
            "sms_dlt_template_id": "1107",
        },
        {"locale": "hi", "title": "{{ symbol }} खरीदा"},
    ],
}


def a_template(**fields: Any) -> pb.AlertTemplate:
    return json_format.ParseDict({**FILL, **fields}, pb.AlertTemplate())


async def create(caller: Caller, **fields: Any) -> pb.AlertTemplate:
    created: pb.AlertTemplate = await caller(
        "CreateAlertTemplate", pb.CreateAlertTemplateRequest(alert_template=a_template(**fields))
    )
    return created


def a_fill(**fields: Any) -> pb.SendNotificationRequest:
    request = pb.SendNotificationRequest(type="CUSTOM_FILL", template_id="fill", **fields)
    request.template_parameters.update({"symbol": "TCS", "price": "3500.5"})
    return request


async def refused(call: Any) -> Any:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return from_rpc_error(caught.value)


async def test_a_notification_says_what_its_template_says_in_its_recipients_language(alice: Caller) -> None:
    assert (await create(alice)).version == 1
    sent = await alice("SendNotification", a_fill())
    hindi = pb.UpdateNotificationSettingsRequest(user_id="me", settings=pb.NotificationSettings(locale="hi-IN"))
    await alice("UpdateNotificationSettings", hindi)
    await alice("BatchSendNotifications", pb.BatchSendNotificationsRequest(requests=[a_fill()]))
    listed = (await alice("ListNotifications", pb.ListNotificationsRequest())).notifications
    assert [one.title for one in listed] == ["TCS खरीदा", "TCS bought"]
    assert listed[1].notification_id == sent.notification_id
    assert listed[1].message == "at ₹3500.50"
    reference = json_format.MessageToDict(listed[1].data)["template"]
    assert (reference["template_id"], reference["version"], reference["locale"]) == ("fill", 1.0, "en")


async def test_a_change_is_a_new_version_and_a_deleted_one_cannot_be_used(alice: Caller) -> None:
    await create(alice)
    assert (await refused(create(alice))).reason == "ALREADY_EXISTS"
    other = a_template(contents=[{"locale": "en", "title": "{{ symbol }}!"}])
    update = pb.UpdateAlertTemplateRequest(template_id="fill", alert_template=other)
    assert (await alice("UpdateAlertTemplate", update)).version == 2
    preview = pb.PreviewAlertTemplateRequest(template_id="fill")
    preview.template_parameters.update({"symbol": "TCS"})
    assert (await alice("PreviewAlertTemplate", preview)).title == "TCS!"
    await alice("DeleteAlertTemplate", pb.DeleteAlertTemplateRequest(template_id="fill"))
    assert (await refused(alice("SendNotification", a_fill()))).reason == "NOT_FOUND"
    assert (await create(alice)).version == 3


async def test_ones_own_stands_before_everybodys_and_nobody_sees_anothers(
    shared: SharedNotifier, alice: Caller, signing: Signing
) -> None:
    assert (await refused(create(alice, shared=True))).reason == "PERMISSION_DENIED"
    async with Caller(shared.grpc, signing, "olga", auth.OPERATOR) as olga:
        await create(olga, template_id="house", shared=True)
        everybodys = await alice("GetAlertTemplate", pb.GetAlertTemplateRequest(template_id="house"))
        assert everybodys.shared
        await create(alice, template_id="house", description="mine")
        assert (await alice("GetAlertTemplate", pb.GetAlertTemplateRequest(template_id="house"))).description == "mine"
        names = [
            (t.template_id, t.shared)
            for t in (await olga("ListAlertTemplates", pb.ListAlertTemplatesRequest())).alert_templates
        ]
        assert ("house", True) in names
        assert ("house", False) not in names
        await olga("DeleteAlertTemplate", pb.DeleteAlertTemplateRequest(template_id="house", shared=True))


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (a_fill(title="own words"), "title"),
        (a_fill(locale="English"), "locale"),
        (pb.SendNotificationRequest(type="CUSTOM_FILL", template_id="fill"), "template_parameters"),
    ],
)
async def test_a_request_that_does_not_fit_is_refused(
    alice: Caller, request_: pb.SendNotificationRequest, field: str
) -> None:
    await create(alice)
    assert (await refused(alice("SendNotification", request_))).violations[0].field == field


async def test_poison_is_refused_with_the_line(alice: Caller) -> None:
    poison = [{"locale": "en", "title": "x", "message": "a\n{% for a in b %}{% for c in d %}{% endfor %}{% endfor %}"}]
    error = await refused(create(alice, contents=poison))
    assert error.violations[0].field == "alert_template.contents[0].message"
    assert "line 2" in error.message


async def test_a_preview_counts_what_a_text_message_costs_over_rest(gateway: GatewayProcess, alice: Caller) -> None:
    async with httpx.AsyncClient(base_url=gateway.url, headers=dict(alice.header)) as rest:
        made = await rest.post("/v1/alert-templates", json=FILL)
        assert made.json()["version"] == 1
        body = {"template_id": "fill", "template_parameters": {"symbol": "₹" * 71, "price": 1}}
        said = (await rest.post("/v1/alert-templates:preview", json=body)).json()
        assert (said["sms_encoding"], said["sms_segments"]) == ("UCS-2", 2)
        sms = next(part for part in said["parts"] if part["channel"] == "NOTIFICATION_CHANNEL_SMS")
        assert sms["dlt_template_id"] == "1107"
        assert (await rest.delete("/v1/alert-templates/fill")).status_code == 200


async def test_a_mail_has_the_templates_own_words(
    database_url: str, redis_url: str, signing: Signing, tmp_path: Path
) -> None:
    async with (
        Mailbox() as mailbox,
        notifier(database_url, redis_url, signing, tmp_path, EMAIL_PROVIDERS=mailbox.url) as process,
        Caller(process.facts["grpc"], signing, "alice") as alice,
    ):
        await email_of(alice)
        await create(alice)
        await alice("SendNotification", a_fill())
        await eventually(lambda: mailbox.mails, timeout=20)
        assert mailbox.mails[0]["Subject"] == "Bought: TCS"
        html = mailbox.mails[0].get_body(("html",))
        assert html is not None
        assert html.get_content().strip() == "<b>TCS</b>"


# One process for all: it takes a second to begin.
_COMMANDS = """
import json, sys
from typer.testing import CliRunner
from tradewinds.cli.__main__ import app

for arguments in json.load(sys.stdin):
    result = CliRunner().invoke(app, ["notifications", *arguments])
    print(json.dumps([result.exit_code, result.output]))
"""


async def test_the_command_line_does_all_of_it(
    shared: SharedNotifier, alice: Caller, signing: Signing, tmp_path: Path
) -> None:
    (tmp_path / "fill.json").write_text(json.dumps(FILL))
    (tmp_path / "settings.json").write_text(json.dumps({"muted_instruments": ["NSE:TCS-EQ"]}))
    sent = await alice("SendNotification", pb.SendNotificationRequest(type="ORDER_UNKNOWN", title="unknown"))
    commands = [
        (["templates", "put", str(tmp_path / "fill.json")], "fill version 1"),
        (["templates", "preview", "fill", "-p", '{"symbol": "TCS", "price": 1}'], '"title": "TCS bought"'),
        (["templates", "list"], "en, hi"),
        (["endpoints", "add", "email", "alice@example.com"], "alice@example.com"),
        (["settings", "set", str(tmp_path / "settings.json")], "NSE:TCS-EQ"),
        (["settings", "get"], "NSE:TCS-EQ"),
        (["--unacknowledged"], sent.notification_id),
        (["explain", sent.notification_id], "MUST_ACKNOWLEDGE"),
        (["ack", sent.notification_id], f"acknowledged by {alice.user}"),
        (["deliveries", "--state", "dead"], "No deliveries."),
        (["redrive", "--channel", "WEBHOOK"], "0 sent again"),
        (["read"], "0 read"),
        (["endpoints", "add", "pigeon", "home"], "not a channel"),
    ]
    environment = {
        **os.environ,
        "TRADEWINDS_ADDRESS": shared.grpc,
        "TRADEWINDS_TOKEN": signing.token(alice.user, auth.ADMIN),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _COMMANDS),
        cwd=REPOSITORY,
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate(json.dumps([arguments for arguments, _ in commands]).encode())
    for (arguments, expected), line in zip(commands, out.decode().splitlines(), strict=True):
        exit_code, said = json.loads(line)
        assert expected in said, (arguments, said)
        assert (exit_code == 0) == (arguments[-1] != "home")
