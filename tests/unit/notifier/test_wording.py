"""What a person gets reads like something written for a person, whatever the type and the channel."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest

from notifier.alerts import wording as alerts
from notifier.alerts.domain.vocabulary import CHANNEL, PERCENT, TRAILING, Condition, Measure
from notifier.alerts.domain.watch import Shape
from notifier.delivery.email import _mail
from notifier.delivery.gathering import Member, digest
from notifier.delivery.message import Message
from notifier.delivery.wording import email_text, plain_text, push_payload, sms_size, sms_text, telegram_text
from notifier.phone import reports
from notifier.type_names import counted, name_of
from notifier.types import TYPES, type_of
from tests.support.readable import unreadable
from tradewinds.v1 import operations_pb2, risk_pb2
from tradewinds.v1 import strategy_manager_pb2 as strategies_pb2

ORDER_ID, NOTIFICATION_ID = "ord-06h05j8mzwx0ysagd2mbmp1w3e", "ntf-06h05j8mzwx0ysagd2mbmp1w3e"
NOW = datetime(2026, 11, 27, 4, 30, tzinfo=UTC)


def a_message(type_: str, title: str = "BUY 10 NSE:RELIANCE-EQ: executed", **fields: object) -> Message:
    values = {
        "body": "bought 10 at ₹1,400.05, 10 of 10 in all",
        "data": {
            "order_id": ORDER_ID,
            "account_id": "ACC1",
            "config_id": "momentum",
            "instrument": "NSE:RELIANCE-EQ",
            "state": "NOT_PLACED",
            "reason": "RISK_ORDER_VALUE",
        },
    }
    return Message(
        delivery_id="dlv-06h05j8mzwx0ysagd2mbmp1w3e",
        notification_id=NOTIFICATION_ID,
        type=type_,
        severity=type_of(type_).severity,
        title=title,
        created_at=NOW,
        expires_at=NOW + timedelta(days=1),
        stops=type_,
        **(values | fields),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("type_", [*TYPES, "CUSTOM_GAP_UP"])
def test_every_channel_speaks_to_people(type_: str) -> None:
    message = a_message(type_)
    push = push_payload(message)
    texts = (
        sms_text(message),
        telegram_text(message),
        email_text(message),
        plain_text(message),
        push["title"],
        push["body"],
    )
    assert [problem for text in texts for problem in unreadable(text)] == []
    assert all("1,400.05" in text for text in (*texts[:4], push["body"]))


@pytest.mark.parametrize("type_", [*TYPES, "CUSTOM_GAP_UP"])
def test_several_of_a_type_are_counted_in_words(type_: str) -> None:
    members = [
        Member(
            f"d{n}",
            NOW,
            f"n{n}",
            type_,
            "BUY 10 NSE:RELIANCE-EQ: executed",
            NOW + timedelta(minutes=n),
            False,
            "bought 10 at ₹1,400.05",
        )
        for n in range(3)
    ]
    content = digest(members)
    assert content["title"].startswith("3 ")
    assert content["title"].endswith("27 Nov 10:00–10:02 IST")
    assert "10:02:00 BUY 10 NSE:RELIANCE-EQ: executed – bought 10 at ₹1,400.05" in content["message"]
    assert unreadable(content["title"]) + unreadable(content["message"]) == []
    assert name_of(type_) != name_of(type_, 2)


def test_a_mail_says_what_where_and_when_and_how_to_acknowledge() -> None:
    text = email_text(a_message("ORDER_UNKNOWN"))
    assert "Instrument: NSE:RELIANCE-EQ\nStrategy: momentum\nAccount: ACC1\nTime: 27 Nov 2026 10:00:00 IST\n" in text
    assert f"until somebody acknowledges it:\ntradewinds notifications ack {NOTIFICATION_ID}\n" in text
    assert "acknowledge" not in email_text(a_message("ORDER_EXECUTED"))
    mail = message_from_bytes(
        _mail(a_message("ORDER_EXECUTED"), "a@example.com", "T <t@example.com>", {}), policy=default
    )
    assert isinstance(mail, EmailMessage)
    assert mail["Subject"] == "BUY 10 NSE:RELIANCE-EQ: executed"
    long = _mail(
        a_message("PRICE_ALERT", "NSE:TCS-EQ: price moves 0.05% from ₹3,204.30"), "a@example.com", "t@example.com", {}
    )
    assert message_from_bytes(long, policy=default)["Subject"] == "NSE:TCS-EQ: price moves 0.05% from ₹3,204.30"
    body = mail.get_body()
    assert body is not None
    assert "₹1,400.05" in body.get_content()


def test_a_text_message_is_paid_for_once_although_it_says_rupees() -> None:
    text = sms_text(a_message("ORDER_EXECUTED"))
    assert text == "BUY 10 NSE:RELIANCE-EQ: executed: bought 10 at Rs 1,400.05, 10 of 10 in all"
    assert sms_size(text).segments == 1
    long = sms_text(a_message("ORDER_EXECUTED", body="at ₹1.00 " * 100))
    assert (sms_size(long).encoding, sms_size(long).segments, long[-3:]) == ("GSM-7", 3, "...")
    assert sms_size(sms_text(a_message("ORDER_EXECUTED", body="शेयर " * 100))).segments <= 3


@pytest.mark.parametrize("condition", Condition)
@pytest.mark.parametrize("measure", Measure)
def test_what_an_alert_waits_for_is_a_sentence(condition: Condition, measure: Measure) -> None:
    for distance in (12_500, 0):
        shape = Shape(condition=condition, upper=14_000_500, lower=13_800_000, distance=distance, basis_points=250)
        description = alerts.describe(shape, measure, 14_000_500)
        fire = {
            "instrument": "NSE:SBIN-EQ",
            "description": description,
            "measure": measure.name,
            "value": 14_000_600,
            "previous": 13_999_900,
            "late": False,
            "note": "sell half",
        }
        texts = (
            alerts.title(fire),
            alerts.message(fire),
            alerts.storm_title([fire]),
            alerts.storm_message([fire] * 12),
        )
        assert [problem for text in texts for problem in unreadable(text)] == []
        assert ("₹" in alerts.title(fire)) == (measure is Measure.PRICE) or condition in PERCENT | TRAILING | CHANNEL


def test_a_count_has_its_plural() -> None:
    assert counted("ORDER_REJECTED", 1) == "1 order rejected"
    assert counted("ORDER_REJECTED", 1_000) == "1,000 orders rejected"
    assert counted("CUSTOM_GAP_UP", 2) == "2 notifications “gap up”"


def test_the_telephone_says_what_passes_in_words() -> None:
    health = operations_pb2.GetHealthResponse(healthy=True)
    accounts = [
        operations_pb2.BrokerAccount(account_id="ACC1", gate=operations_pb2.GATE_OPEN),
        operations_pb2.BrokerAccount(account_id="ACC2", gate=operations_pb2.GATE_OPEN),
        operations_pb2.BrokerAccount(
            account_id="ACC3", gate=operations_pb2.GATE_CLOSED, gate_reason="it is logging in"
        ),
    ]
    configs = [
        strategies_pb2.StrategyConfig(config_id="momentum", state=strategies_pb2.STRATEGY_STATE_RUNNING, paused=True)
    ]
    kill = risk_pb2.KillSwitch(
        kill_id="kill-1", subject_id="ACC1", action=risk_pb2.KILL_ACTION_SQUARE_OFF, engaged_by="asha", reason="drill"
    )
    kill.progress.add(open_orders=1, open_positions=2)
    text = reports.status_text(health, accounts, configs, [kill])
    assert text.splitlines() == [
        "Everything is well.",
        "Kill switch: square off of ACC1 by asha: drill (not done yet)",
        "ACC1: only exits and cancels pass",
        "ACC2: orders pass",
        "ACC3: orders do NOT pass: it is logging in",
        "momentum: running, paused",
    ]
    progress = reports.progress_text("account ACC1", kill)
    assert progress.startswith("account ACC1: square off engaged; open now: 1 order, 2 positions.")
    day = risk_pb2.ProfitAndLoss(account_id="ACC1", net_pnl="-1234567.5", realised_pnl="0", charges="20")
    assert reports.pnl_text([day]) == "ACC1: -₹12,34,567.50 (realised ₹0.00, open ₹0.00, charges ₹20.00)"
    assert unreadable(text) + unreadable(progress) == []
