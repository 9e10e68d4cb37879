"""The index of working orders finds what reading all of them would find, whatever became of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine_server.oms.domain.states import OrderState
from engine_server.oms.domain.working_orders import WorkingOrders
from engine_server.oms.records import OrderRecord
from tests.unit.oms.orders import order_record

INSTRUMENTS, SIDES = ["NSE:RELIANCE-EQ", "NSE:TCS-EQ"], ["BUY", "SELL"]
# What never changes of an order follows from its id.
versions = st.builds(
    lambda number, state: order_record(
        order_id=f"ord-{number}", instrument=INSTRUMENTS[number % 2], side=SIDES[number // 2 % 2], state=state
    ),
    st.integers(0, 7),
    st.sampled_from(list(OrderState)),
)


def assert_finds(found: WorkingOrders, versions: list[OrderRecord]) -> None:
    newest = {order.order_id: order for order in versions}
    expected = [order for order in newest.values() if not order.state.is_terminal]
    assert len(found) == len(expected)
    assert {order.order_id: order for order in found} == {order.order_id: order for order in expected}
    assert {o.order_id for o in found.unknown} == {o.order_id for o in expected if o.state is OrderState.UNKNOWN}
    for instrument in INSTRUMENTS:
        for side in SIDES:
            there = {o.order_id for o in expected if (o.instrument, o.side) == (instrument, side)}
            assert {o.order_id for o in found.on(instrument, side)} == there
    assert all(order in found for order in expected)


@given(st.lists(versions), st.lists(versions))
def test_it_follows_every_version_and_a_copy_leaves_it_alone(
    first: list[OrderRecord], later: list[OrderRecord]
) -> None:
    working = WorkingOrders(first)
    assert_finds(working.with_changes(later), [*first, *later])
    assert_finds(working, first)
