"""When an unknown order is given up, and how fast messages go."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from engine_server.oms.domain.resolution import ResolutionBounds, UnknownBefore, Unresolved
from engine_server.oms.pacer import Pacer, PacerSettings
from tests.unit.oms.orders import place_order

BOUNDS = ResolutionBounds()


def test_both_bounds_must_be_met() -> None:
    order = Unresolved(send_ended_at=100.0)
    for _ in range(4):
        order = order.after_read(begun_at=110.0)
    assert not order.is_not_placed(1000.0, BOUNDS)
    order = order.after_read(begun_at=120.0)
    assert not order.is_not_placed(129.9, BOUNDS)
    assert order.is_not_placed(130.0, BOUNDS)


def test_a_read_begun_before_the_send_ended_says_nothing() -> None:
    assert Unresolved(send_ended_at=100.0).after_read(begun_at=99.9).clean_reads == 0


def test_the_time_under_an_earlier_owner_counts_and_its_reads_do_not() -> None:
    order = UnknownBefore(seconds=31.0, is_told=True).as_of(1000.0)
    assert not order.is_overdue(1010.0, BOUNDS)  # it was told already
    for _ in range(5):
        assert not order.is_not_placed(1001.0, BOUNDS)
        order = order.after_read(begun_at=1000.5)
    assert order.is_not_placed(1001.0, BOUNDS)


@given(st.lists(st.floats(min_value=0, max_value=0.3), min_size=1, max_size=200))
def test_no_rolling_window_ever_holds_more_than_the_limit(gaps: list[float]) -> None:
    pacer, now, sent = Pacer(PacerSettings(limit=9, window_seconds=1.0)), 0.0, []
    for gap in gaps:
        now += gap
        while pacer.available(now) > 0:
            pacer.record(now)
            sent.append(now)
    assert all(sum(1 for other in sent if moment - 1.0 < other <= moment) <= 9 for moment in sent)


def test_a_full_pacer_says_when_there_is_room() -> None:
    pacer = Pacer(PacerSettings(limit=2, window_seconds=1.0))
    pacer.record(0.0)
    pacer.record(0.4)
    assert (pacer.available(0.9), pacer.next_free_at(0.9)) == (0, 1.0)
    assert pacer.available(1.0) == 1


def test_the_body_of_a_request_is_what_was_asked_for() -> None:
    """A restarted strategy repeats its call under a new epoch, a person writes 1400.0 for 1400: the same order."""
    first = place_order(config_id="momo", epoch=1)
    assert first.body_sha256 == place_order(config_id="momo", epoch=2, price=Decimal("1400.00")).body_sha256
    assert first.body_sha256 != place_order(config_id="momo", epoch=1, quantity=11).body_sha256


def test_the_key_of_a_request_is_scoped_to_its_caller() -> None:
    assert place_order(config_id="momo", epoch=1).request_key == "config:momo/r1"
    assert place_order(actor="asha").request_key == "user:asha/r1"
