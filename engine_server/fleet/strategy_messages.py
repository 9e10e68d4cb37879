"""What a running strategy says: messages to its user, and the instruments it wants. Fenced like its orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text

from engine_server import outbox
from engine_server.fleet import market_wishes
from tradewinds.database.session import Database

_HOLDER = text(
    """
    SELECT c.user_id FROM strategy_configs c JOIN assignments a ON a.config_id = c.config_id
    WHERE a.config_id = :config_id AND a.epoch = :epoch AND a.instance_id = :instance_id
    FOR SHARE OF a
    """
)


@dataclass(frozen=True)
class Message:
    """From a strategy to its user, once per `dedupe_key`."""

    config_id: str
    epoch: int
    title: str
    text: str
    dedupe_key: str


@dataclass(frozen=True)
class MarketWish:
    """The whole set of instruments that a strategy wants ticks of."""

    config_id: str
    epoch: int
    instruments: Sequence[str]


async def pass_on(database: Database, instance_id: str, message: Message) -> bool:
    """Put the message into the outbox; False when this instance does not hold the strategy."""
    async with database.session() as session:
        key = {"config_id": message.config_id, "epoch": message.epoch, "instance_id": instance_id}
        holder = (await session.execute(_HOLDER, key)).one_or_none()
        if holder is None:
            return False
        await outbox.add(
            session,
            user_id=holder.user_id,
            type_="STRATEGY_MESSAGE",
            title=message.title or message.config_id,
            message=message.text,
            dedupe_key=f"strategy_message:{message.config_id}:{message.dedupe_key}",
            data={"config_id": message.config_id, "epoch": message.epoch},
        )
        await session.commit()
    return True


async def subscribe(database: Database, instance_id: str, wish: MarketWish) -> bool:
    """Make the wish the whole truth; False when this instance does not hold the strategy."""
    async with database.session() as session:
        key = {"config_id": wish.config_id, "epoch": wish.epoch, "instance_id": instance_id}
        if (await session.execute(_HOLDER, key)).one_or_none() is None:
            return False
        await market_wishes.want_only(session, wish.config_id, wish.instruments)
        await session.commit()
    return True
