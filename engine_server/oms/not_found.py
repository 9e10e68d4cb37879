"""What a caller named and nothing is there, for them: the field, and where what is there is listed."""

from __future__ import annotations

from tradewinds.errors import NotFoundError


def no_order(order_id: str) -> NotFoundError:
    """No such order, or somebody else's."""
    return NotFoundError.field(
        "order_id", f"order {order_id!r} does not exist; list them with `tradewinds orders list`"
    )


def no_working_copy(order_id: str) -> NotFoundError:
    """An order that ended so long ago that nothing is decided about it any more."""
    return NotFoundError.field(
        "order_id",
        f"order {order_id!r} does not exist, or ended days ago; book what it filled with `tradewinds positions adjust`",
    )


def no_guard(guard_id: str) -> NotFoundError:
    """No such guard, or it has ended."""
    return NotFoundError.field(
        "guard_id", f"guard {guard_id!r} does not exist or has ended; list them with `tradewinds guards list`"
    )


def no_hold(account_id: str, kind: str, subject_id: str) -> NotFoundError:
    """Nothing holds entries by that name."""
    return NotFoundError.field(
        "subject_id",
        f"account {account_id} has no hold {kind} for {subject_id!r}; list them with `tradewinds holds list`",
    )


def no_account(account_id: str) -> NotFoundError:
    """No such account, or it takes no orders."""
    return NotFoundError.field(
        "account_id",
        f"broker account {account_id!r} does not exist or is not enabled; list them with `tradewinds accounts status`",
    )


def no_strategy(config_id: str) -> NotFoundError:
    """No such configured strategy."""
    return NotFoundError.field(
        "config_id", f"strategy {config_id!r} does not exist; list them with `tradewinds strategies list`"
    )


def no_subject(kind: str, subject_id: str) -> NotFoundError:
    """No such account or strategy, for a limit or a kill switch."""
    listed = "accounts status" if kind == "account" else "strategies list"
    return NotFoundError.field(
        "subject_id", f"{kind} {subject_id!r} does not exist; list them with `tradewinds {listed}`"
    )


def no_kill_switch(kill_id: str) -> NotFoundError:
    """No such kill switch, or of somebody else's account."""
    return NotFoundError.field(
        "kill_id", f"kill switch {kill_id!r} does not exist; list them with `tradewinds kill show`"
    )


def no_decision(decision_id: str) -> NotFoundError:
    """No such decision, or somebody else's."""
    return NotFoundError.field(
        "decision_id", f"decision {decision_id!r} does not exist; list them with `tradewinds risk decisions`"
    )
