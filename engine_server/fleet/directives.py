"""What a directive carries: everything that a strategy needs, read when it is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from engine_server.fleet import market_wishes
from engine_server.fleet.domain.command import STARTING
from engine_server.fleet.domain.steering import Desired
from engine_server.fleet.ports import Books, Instruments
from engine_server.instruments import master_gate
from engine_server.messages.instruments import instrument_message
from engine_server.messages.orders import order_message, position_message
from tradewinds.database.session import Database
from tradewinds.errors import PreconditionError
from tradewinds.v1 import market_data_pb2
from tradewinds.v1 import strategy_runner_pb2 as pb

# Epoch and revision are checked here: between the decision to tell and this read the world may have moved on.
_READ = """
    SELECT c.user_id, c.account_id, c.module_path, c.class_name, c.config, c.process_generation, c.is_paused, c.pause_reason, c.state,
           k.state AS checkpoint, coalesce(k.last_event_sequence, 0) AS last_event_sequence
    FROM assignments a
    JOIN strategy_configs c ON c.config_id = a.config_id
    LEFT JOIN strategy_checkpoints k ON k.config_id = a.config_id
    WHERE a.config_id = $1 AND a.instance_id = $2 AND a.epoch = $3 AND a.generation = $4
"""

_SIGNALS = """
    SELECT command_id::text AS command_id, payload->'signal' AS signal, issuer FROM strategy_commands
    WHERE config_id = $1 AND verb = 'SIGNAL' AND status = 'CLAIMED' ORDER BY claimed_at, created_at
"""

PAUSED_BECAUSE = "the strategy is paused{reason}; `strategies resume` lets it enter again"


def _denied_because(reason: str) -> str:
    return PAUSED_BECAUSE.format(reason=f" ({reason})" if reason else "")


class ScripMasterMissingError(PreconditionError):
    """The day's scrip master is not in."""

    reason = master_gate.REASON


class InstrumentGoneError(PreconditionError):
    """An instrument of the parameters is not in today's scrip master."""

    reason = "INSTRUMENT_GONE"


class DirectiveWriter:
    """Builds directives. `not_in_because` says why the day's scrip master is not in."""

    def __init__(
        self, database: Database, instruments: Instruments, books: Books, not_in_because: Callable[[], str]
    ) -> None:
        self._database = database
        self._instruments = instruments
        self._books = books
        self._not_in_because = not_in_because

    async def write(self, desired: Desired) -> pb.Directive | None:
        """The directive; None when it is no longer what shall be. Raises `ScripMasterMissingError` or `InstrumentGoneError`."""
        directive = pb.Directive(
            config_id=desired.config_id,
            epoch=desired.epoch,
            revision=desired.revision,
            run=desired.run,
            kill=desired.kill,
        )
        if not desired.run:
            return directive
        row = await self._database.pool.fetchrow(
            _READ, desired.config_id, desired.instance_id, desired.epoch, desired.revision
        )
        if row is None:
            return None
        config: Mapping[str, object] = row["config"]
        directive.user_id, directive.account_id = row["user_id"], row["account_id"]
        directive.process_revision = row["process_generation"]
        directive.entries_denied_because = _denied_because(row["pause_reason"]) if row["is_paused"] else ""
        directive.module_path, directive.class_name = row["module_path"], row["class_name"]
        directive.config_json = msgspec.json.encode(config).decode()
        directive.state_json = msgspec.json.encode(row["checkpoint"]).decode() if row["checkpoint"] else ""
        directive.last_event_sequence = row["last_event_sequence"]
        directive.instruments.extend(self._named_by(config))
        positions = await self._books.strategy_positions(desired.config_id)
        directive.positions.extend(position_message(position) for position in positions)
        directive.signals.extend(await self._signals(desired.config_id))
        working = await self._books.working_orders(desired.config_id)
        directive.working_orders.extend(order_message(order) for order in working)
        # Whoever has something open must be able to close it; an entry is refused by order management all the same.
        is_exposed = bool(working) or any(position.net_quantity for position in positions)
        if row["state"] == STARTING and directive.instruments and not is_exposed:
            self._wait_for_master()
        return directive

    def _wait_for_master(self) -> None:
        if problem := self._not_in_because():
            raise ScripMasterMissingError(f"waits for today's scrip master: {problem}")

    async def _signals(self, config_id: str) -> list[pb.StrategySignal]:
        rows = await self._database.pool.fetch(_SIGNALS, config_id)
        return [
            pb.StrategySignal(
                signal_id=row["command_id"], data_json=msgspec.json.encode(row["signal"]).decode(), sender=row["issuer"]
            )
            for row in rows
        ]

    def _named_by(self, config: Mapping[str, object]) -> list[market_data_pb2.Instrument]:
        keys = market_wishes.instruments_of(config)
        if keys and not self._instruments.ready:
            raise ScripMasterMissingError("waits for the scrip master: the feed has not published one yet")
        known = self._instruments.instruments
        if gone := [key for key in keys if key not in known]:
            raise InstrumentGoneError(
                f"{', '.join(gone)} is not in today's scrip master (expired or renamed?); create a configuration with another"
            )
        return [instrument_message(known[key]) for key in keys]
