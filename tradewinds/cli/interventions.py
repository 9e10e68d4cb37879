"""`tradewinds orders explain|resolve` and `tradewinds holds`: for when something is not as it should be."""

from __future__ import annotations

from typing import Annotated

import typer

from tradewinds.cli.output import print_json, print_plain, print_table, short, to_dict, when
from tradewinds.cli.running import AsJson, StateDir, with_connection
from tradewinds.cli.trading import OrderId, orders, print_orders, show_order
from tradewinds.v1 import trading_pb2

holds = typer.Typer(no_args_is_help=True, help="What holds entries of instruments, and the way out of it.")

Reason = Annotated[str, typer.Option("--reason", help="Why, for the audit.")]
Account = Annotated[str, typer.Option("--account", help="Broker account; your only one when left out.")]


@orders.command()
def explain(order_id: OrderId, state_dir: StateDir = None, as_json: AsJson = False) -> None:
    """Tell the whole story of one order: what happened, who asked, and how long it took."""
    request = trading_pb2.ExplainOrderRequest(order_id=order_id)
    story = with_connection(state_dir, lambda link: link.call(link.trading.ExplainOrder, request))
    if as_json:
        print_json(to_dict(story))
        return
    print_plain(story.summary)
    if story.order.tag:
        print_plain(
            f"sent under the tag {story.order.tag}; the broker's number {story.order.broker_order_id or 'is not known'}"
        )
    rows = [(when(line.recorded_at, date=True), line.what, _state(line.state), line.text) for line in story.lines]
    print_table(f"Order {order_id}", ("IST", "what", "state", ""), rows, empty="Its log is empty.")
    if story.attempts:
        print_orders(list(story.attempts))


@orders.command()
def resolve(
    order_id: OrderId,
    reason: Reason,
    placed: Annotated[str, typer.Option("--placed", help="The broker's id under which you found it there.")] = "",
    not_placed: Annotated[bool, typer.Option("--not-placed", help="You are sure that it is not there.")] = False,
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Say what became of an order whose fate is UNKNOWN."""
    if bool(placed) == not_placed:
        raise typer.BadParameter("say either --placed BROKER_ID or --not-placed")
    request = trading_pb2.ResolveOrderRequest(order_id=order_id, placed_as=placed, reason=reason)
    order = with_connection(state_dir, lambda link: link.call(link.trading.ResolveOrder, request))
    show_order(order, as_json=as_json)


@holds.command("list")
def list_holds(account: Account = "", state_dir: StateDir = None, as_json: AsJson = False) -> None:
    """Show what holds entries now."""
    request = trading_pb2.ListHoldsRequest(account_id=account)
    page = with_connection(state_dir, lambda link: link.call(link.trading.ListHolds, request))
    print_json([to_dict(hold) for hold in page.holds]) if as_json else print_holds(list(page.holds))


def print_holds(listed: list[trading_pb2.Hold]) -> None:
    """The table of holds."""
    rows = [
        (when(h.held_at, date=True), h.account_id, h.instrument or "every instrument", h.kind, h.subject_id, h.message)
        for h in listed
    ]
    columns = ("since (IST)", "account", "entries of", "kind", "about", "")
    print_table("Holds", columns, rows, empty="Nothing is held.")


@holds.command()
def release(
    kind: Annotated[str, typer.Argument(help="As listed: OVERFILL, POSITION_DIFFERENCE…")],
    subject: Annotated[str, typer.Argument(help="As listed: the order, or the line.")],
    reason: Reason,
    account: Account = "",
    state_dir: StateDir = None,
) -> None:
    """Let entries go again after you have settled what held them."""
    request = trading_pb2.ReleaseHoldRequest(account_id=account, kind=kind, subject_id=subject, reason=reason)
    released = with_connection(state_dir, lambda link: link.call(link.trading.ReleaseHold, request))
    print_plain(f"entries of {released.instrument or 'every instrument'} may go again")


def _state(state: trading_pb2.OrderState) -> str:
    return short(trading_pb2.OrderState, state) if state else ""
