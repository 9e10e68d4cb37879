"""`tradewinds orders day`: a day of trading told back, order by order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from typing import Annotated

import typer
from google.protobuf.timestamp_pb2 import Timestamp

from tradewinds.cli.output import print_json_line, print_plain, short, to_dict, when
from tradewinds.cli.running import AsJson, StateDir, with_connection
from tradewinds.cli.trading import orders
from tradewinds.client.connection import Connection
from tradewinds.clock import IST, ist
from tradewinds.v1 import trading_pb2 as pb

__all__ = ("orders",)  # with one command more

_PAGE = 500


@orders.command()
def day(
    of: Annotated[str, typer.Argument(metavar="DAY", help="YYYY-MM-DD in India; today when left out.")] = "",
    account: Annotated[str, typer.Option("--account", help="Of this account only.")] = "",
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Tell a day of trading back, order by order, the oldest first: what was asked, by whom, what happened, what it filled.

    With --json one object a line, as `orders explain --json` has it.
    """
    begins = _begin(of)

    async def act(link: Connection) -> int:
        told = 0
        for listed in reversed([order async for order in _orders_of(link, account, begins)]):
            story = await link.call(link.trading.ExplainOrder, pb.ExplainOrderRequest(order_id=listed.order_id))
            print_json_line(to_dict(story)) if as_json else _tell(story)
            told += 1
        return told

    if not with_connection(state_dir, act) and not as_json:
        print_plain("No orders on that day.")


async def _orders_of(link: Connection, account: str, begins: datetime) -> AsyncIterator[pb.Order]:
    token = ""
    while True:
        page = await link.call(
            link.trading.ListOrders,
            pb.ListOrdersRequest(
                account_id=account,
                page_size=_PAGE,
                page_token=token,
                start=_timestamp(begins),
                end=_timestamp(begins + timedelta(days=1)),
            ),
        )
        for order in page.orders:
            yield order
        token = page.next_page_token
        if not token:
            return


def _tell(story: pb.ExplainOrderResponse) -> None:
    print_plain(f"{story.order.order_id}  {story.summary}")
    for line in story.lines:
        state = short(pb.OrderState, line.state) if line.state else ""
        print_plain(f"    {when(line.recorded_at)}  {line.what:<18} {state:<17} {line.text}")


def _begin(text: str) -> datetime:
    try:
        wanted = date.fromisoformat(text) if text else ist(datetime.now(IST)).date()
    except ValueError as e:
        raise typer.BadParameter(f"{text!r} is not a day such as 2026-11-28") from e
    return datetime(wanted.year, wanted.month, wanted.day, tzinfo=IST)


def _timestamp(moment: datetime) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp
