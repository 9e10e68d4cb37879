"""What a kill switch is and whom it stops. Cancels and exits always pass, whatever is engaged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from engine_server.oms.domain.risk.limits import Scope


class KillAction(StrEnum):
    """How far it goes; each does what the one before it does, and more."""

    REDUCE_ONLY = "REDUCE_ONLY"  # no entries
    HALT = "HALT"  # … and the strategies are stopped
    CANCEL_ALL = "CANCEL_ALL"  # … and what works at the broker is cancelled
    SQUARE_OFF = "SQUARE_OFF"  # … and what is open is closed

    @property
    def severity(self) -> int:
        """How far it goes, as a number."""
        return list(KillAction).index(self)

    @property
    def stops_strategies(self) -> bool:
        """Whether the processes of strategies are stopped."""
        return self.severity >= KillAction.HALT.severity

    @property
    def cancels(self) -> bool:
        """Whether working orders are cancelled."""
        return self.severity >= KillAction.CANCEL_ALL.severity


@dataclass(frozen=True)
class KillSwitch:
    """One that is engaged: a row of `kill_switches`. `subject_id` is an account or a configuration, '' for GLOBAL;
    `account_id` the account concerned, '' for all.
    """

    kill_id: str
    scope: Scope
    subject_id: str
    account_id: str
    action: KillAction
    include_holdings: bool
    reason: str
    engaged_by: str
    engaged_at: datetime

    def covers_account(self, account_id: str) -> bool:
        """Whether it concerns the whole account."""
        return self.scope is Scope.GLOBAL or (self.scope is Scope.ACCOUNT and self.subject_id == account_id)

    def covers(self, account_id: str, config_id: str | None) -> bool:
        """Whether it concerns this strategy's (or, None, a person's) orders on the account."""
        return self.covers_account(account_id) or (self.scope is Scope.STRATEGY and self.subject_id == config_id)


@dataclass(frozen=True)
class Restriction:
    """The worst that is engaged over an order."""

    kill: KillSwitch

    @property
    def words(self) -> str:
        """For the person whose order is denied."""
        kill = self.kill
        whom = {Scope.GLOBAL: "everything", Scope.ACCOUNT: f"account {kill.subject_id}"}.get(
            kill.scope, f"strategy {kill.subject_id}"
        )
        return f"{kill.action} of {whom} is engaged by {kill.engaged_by} ({kill.reason})"


def restriction(kills: Iterable[KillSwitch], account_id: str, config_id: str | None) -> Restriction | None:
    """What stops an order's entry; None when nothing does."""
    covering = [kill for kill in kills if kill.covers(account_id, config_id)]
    worst = max(covering, key=lambda kill: kill.action.severity, default=None)
    return Restriction(worst) if worst is not None else None
