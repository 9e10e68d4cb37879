"""What waits for the engine is bounded and keeps the order that matters."""

from __future__ import annotations

from strategy_runner.assignment import LifeEvent, LifeReport, SavedState
from strategy_runner.session_outbox import Message, SessionOutbox
from tradewinds.sdk.commands import Notify, RecordMetric


def report(event: LifeEvent, detail: str = "") -> LifeReport:
    return LifeReport(config_id="c", epoch=1, revision=1, event=event, detail=detail)


def drained(outbox: SessionOutbox) -> list[Message]:
    messages = []
    while (message := outbox.take()) is not None:
        messages.append(message)
    return messages


def test_a_newer_checkpoint_takes_the_place_of_an_older_one_before_the_crash_report() -> None:
    outbox = SessionOutbox()
    outbox.checkpoint("c", 1, SavedState("{}", 1))
    outbox.report(report(LifeEvent.CRASHED))
    outbox.checkpoint("c", 1, SavedState("{}", 2))
    first, second = drained(outbox)
    assert first.checkpoint.last_event_sequence == 2
    assert second.WhichOneof("message") == "strategy_report"


def test_a_crash_loop_without_an_engine_ends_with_the_last_report() -> None:
    outbox = SessionOutbox()
    for number in range(100):
        outbox.report(report(LifeEvent.STARTING))
        outbox.report(report(LifeEvent.RUNNING))
        outbox.report(report(LifeEvent.CRASHED, f"crash {number}"))
    messages = drained(outbox)
    assert len(messages) == 3
    assert messages[-1].strategy_report.detail == "crash 99"


def test_facts_go_first_metrics_by_the_batch_and_goodbye_last() -> None:
    outbox = SessionOutbox()
    outbox.metric("c", RecordMetric(name="a", value=1, recorded_ms=1_000))
    outbox.metric("c", RecordMetric(name="b", value=2, recorded_ms=1_000))
    outbox.notify("c", 1, Notify(title="t", text="", dedupe_key=""))
    outbox.report(report(LifeEvent.STOPPED))
    messages = [outbox.take() for _ in range(3)]
    assert [m.WhichOneof("message") for m in messages if m is not None] == [
        "strategy_report",
        "notification",
        "metrics",
    ]
    outbox.say_goodbye("SIGTERM")
    last = outbox.take()
    assert last is not None
    assert last.goodbye.reason == "SIGTERM"


def test_without_an_engine_the_oldest_notifications_and_metrics_are_dropped() -> None:
    outbox = SessionOutbox()
    for number in range(6_000):
        outbox.metric("c", RecordMetric(name="n", value=number, recorded_ms=number))
        outbox.notify("c", 1, Notify(title=str(number), text="", dedupe_key=""))
    messages = drained(outbox)
    assert [m.notification.title for m in messages[:1000]] == [str(n) for n in range(5_000, 6_000)]
    assert sum(len(m.metrics.metrics) for m in messages[1000:]) == 5_000


def test_a_notification_that_could_not_be_sent_is_sent_first_next_time() -> None:
    outbox = SessionOutbox()
    for title in "ab":
        outbox.notify("c", 1, Notify(title=title, text="", dedupe_key=""))
    message = outbox.take()
    assert message is not None
    outbox.put_back(message)
    assert [m.notification.title for m in drained(outbox)] == ["a", "b"]


def test_log_lines_go_by_the_strategy_in_order_and_the_oldest_are_dropped_first() -> None:
    outbox = SessionOutbox(now=lambda: 1_700_000_000.5)
    for text in ("a", "b"):
        outbox.log("c", 1, "PRINTED", text)
    outbox.log("d", 2, "RUNNER", "RUNNING")
    outbox.log("c", 1, "PRINTED", "e")
    batches = [message.logs for message in drained(outbox)]
    assert [(b.config_id, [line.text for line in b.lines]) for b in batches] == [
        ("c", ["a", "b"]),
        ("d", ["RUNNING"]),
        ("c", ["e"]),
    ]
    assert batches[0].lines[0].written_at.ToMilliseconds() == 1_700_000_000_500
    for number in range(5_001):
        outbox.log("c", 1, "PRINTED", str(number))
    assert drained(outbox)[0].logs.lines[0].text == "1"
