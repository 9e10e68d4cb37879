"""C9: how much was lost today, charges included, and what that does by itself: REDUCE_ONLY at the limit, HALT beyond."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from engine_server.oms.domain.kill_switch import KillAction
from engine_server.oms.records import ZERO
from tradewinds.money import format_rupees

# A loss that goes on although nothing new was entered: somebody must look before the strategies go on.
HALT_BEYOND: Final = Decimal("1.2")
# Of a limit, when its owner is told that it is near.
NEAR: Final = Decimal("0.8")


@dataclass(frozen=True)
class DayResult:
    """One market day so far, in rupees. `best` is its highest net result; a day begins at 0."""

    realised: Decimal = ZERO
    unrealised: Decimal = ZERO
    charges: Decimal = ZERO
    best: Decimal = ZERO
    unpriced: int = 0

    @property
    def net(self) -> Decimal:
        """What the day has brought."""
        return self.realised + self.unrealised - self.charges

    @property
    def loss(self) -> Decimal:
        """What it has cost."""
        return max(ZERO, -self.net)

    @property
    def drawdown(self) -> Decimal:
        """How far it is below its best."""
        return max(ZERO, self.best - self.net)


@dataclass(frozen=True)
class LossVerdict:
    """What a loss does by itself, and why."""

    action: KillAction
    reason: str


@dataclass(frozen=True)
class LimitNear:
    """A limit that is nearly used up, and what to say of it."""

    name: str
    words: str


def near(result: DayResult, max_loss: Decimal | None, max_drawdown: Decimal | None) -> list[LimitNear]:
    """The limits of which 80 % or more are used."""
    uses = [
        ("max_daily_loss", "lost today", result.loss, max_loss),
        ("max_drawdown", "below the day's best", result.drawdown, max_drawdown),
    ]
    return [
        LimitNear(name, f"{format_rupees(amount)} rupees {words}, {name} is {format_rupees(limit)}")
        for name, words, amount, limit in uses
        if limit is not None and amount > ZERO and amount >= limit * NEAR
    ]


def judged(result: DayResult, max_loss: Decimal | None, max_drawdown: Decimal | None) -> LossVerdict | None:
    """The worse of both limits; None inside them."""
    verdicts = [
        _verdict("max_daily_loss", "lost today", result.loss, max_loss),
        _verdict("max_drawdown", "below the day's best", result.drawdown, max_drawdown),
    ]
    given = [verdict for verdict in verdicts if verdict is not None]
    return max(given, key=lambda verdict: verdict.action.severity, default=None)


def _verdict(name: str, words: str, amount: Decimal, limit: Decimal | None) -> LossVerdict | None:
    if limit is None or amount <= limit:
        return None
    action = KillAction.HALT if amount > limit * HALT_BEYOND else KillAction.REDUCE_ONLY
    return LossVerdict(action, f"{format_rupees(amount)} rupees {words}, {name} is {format_rupees(limit)}")
