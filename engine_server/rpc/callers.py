"""Who makes the current call, as the OMS knows callers."""

from __future__ import annotations

from typing import Any

from engine_server.oms.directory import Caller
from tradewinds import auth
from tradewinds.audit import source_of
from tradewinds.errors import InvalidArgumentError


def current_caller(context: Any = None) -> Caller:
    """The caller behind the token of this call; from where, too, where `context` is given (what is audited needs it)."""
    principal = auth.principal()
    return Caller(
        subject=principal.subject,
        sees_everything=principal.sees_everything,
        is_runner=principal.has(auth.RUNNER),
        source=source_of(context) if context is not None else "oms",
    )


def actor_of(caller: Caller, config_id: str) -> str:
    """As whom the caller acts, for the audit."""
    return f"config:{config_id}" if caller.is_runner else caller.subject


def check_scope(caller: Caller, config_id: str, epoch: int) -> None:
    """A strategy's order carries its lease; a person's must not look like one."""
    if caller.is_runner:
        if not config_id:
            raise InvalidArgumentError.field("config_id", "is required from a runner")
        if epoch <= 0:
            raise InvalidArgumentError.field("epoch", "is required from a runner: the epoch of the strategy's lease")
        return
    if config_id:
        raise InvalidArgumentError.field("config_id", "is set by runners only; leave it empty")
    if epoch:
        raise InvalidArgumentError.field("epoch", "is set by runners only; leave it empty")


def required_text(value: str, field: str) -> str:
    """A text that must be there; it goes into the audit."""
    if not value.strip():
        raise InvalidArgumentError.field(field, "is required: the audit keeps it")
    return value.strip().replace("\x00", "")[:500]
