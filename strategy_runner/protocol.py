"""What a runner and a strategy's process say to each other: msgpack frames with a 4-byte length over a Unix socketpair.

This side of the house imports no gRPC: a worker process must not hold any of its objects.
"""

from __future__ import annotations

import asyncio
import struct
from typing import Any, Final

import msgspec

from strategy_runner.confinement import Confinement
from strategy_runner.tick_rows import TickRow
from tradewinds.bars import Bar
from tradewinds.instruments import Instrument
from tradewinds.sdk.commands import (
    CancelOrder,
    ChangeSubscription,
    ModifyOrder,
    Notify,
    PlaceOrder,
    ProtectPosition,
    RecordMetric,
    SaveCheckpoint,
    SelectInstrument,
    WantBars,
)
from tradewinds.sdk.guards import Guard
from tradewinds.sdk.orders import OrderEvent, OrderReport
from tradewinds.sdk.phases import KnownDay, PhaseSpan
from tradewinds.sdk.signals import Signal
from tradewinds.sdk.vocabulary import OrderState, StopReason

_LENGTH: Final = struct.Struct("<I")
MAX_FRAME_BYTES: Final = 16 * 1024 * 1024  # a state that does not fit is refused, not truncated


class ClassRef(msgspec.Struct, frozen=True, kw_only=True):
    """Which class, with which parameters, from which folders besides the package `strategies`."""

    module_path: str
    class_name: str
    config_json: str
    folders: list[str]


class HeldPosition(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine's book says is held; prices are decimal strings."""

    instrument: str
    product: str
    net_quantity: int
    average_price: str
    realised_pnl: str


class Clock(msgspec.Struct, frozen=True, tag=True):
    """The market clock's reading, see `tradewinds.clock.ClockReading`."""

    market_ms: int
    real_ms: int
    rate: float


# --- runner -> process ---


class Start(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """First frame: run this strategy."""

    config_id: str
    epoch: int
    nonce: str
    strategy: ClassRef
    confinement: Confinement
    instruments: list[Instrument]
    state_json: str
    last_event_sequence: int
    positions: list[HeldPosition]
    working_orders: list[OrderReport]
    clock: Clock | None


class InspectClass(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """First frame of a throwaway process: say what this class is, and end."""

    strategy: ClassRef
    confinement: Confinement


class TryConfinement(msgspec.Struct, frozen=True, tag=True):
    """First frame of a throwaway process: confine yourself, say how that went, and end."""

    confinement: Confinement


class Ticks(msgspec.Struct, frozen=True, tag=True):
    """Prices; where they end a group, answered with `TicksTaken`."""

    rows: list[TickRow]
    ends_group: bool


class OrderEvents(msgspec.Struct, frozen=True, tag=True):
    """Order events in sequence."""

    events: list[OrderEvent]


class CaughtUp(msgspec.Struct, frozen=True, tag=True):
    """All order events that there are have been sent: ticks and timers may begin."""


class OrderPlaced(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The engine has taken an order."""

    request_id: str
    order_id: str


class PlaceFailed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """An order was refused before it was stored (DENIED), or nobody knows (UNKNOWN), or it proved not to be (NOT_PLACED)."""

    request_id: str
    state: OrderState
    reason: str
    message: str


class CancelFailed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A cancel was not taken."""

    request_id: str
    reason: str
    message: str


class ModifyFailed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A change was not taken."""

    request_id: str
    reason: str
    message: str


class GuardAnswered(msgspec.Struct, frozen=True, tag=True):
    """What became of a `ProtectPosition`."""

    guard: Guard


class InstrumentsKnown(msgspec.Struct, frozen=True, tag=True):
    """Instruments that the strategy follows from now on."""

    instruments: list[Instrument]


class FeedState(msgspec.Struct, frozen=True, tag=True):
    """Prices of these followed instruments are missing, and of no others."""

    stale: list[str]


class BarsClosed(msgspec.Struct, frozen=True, tag=True):
    """Bars that have just closed, in order."""

    bars: list[Bar]


class PastBars(msgspec.Struct, frozen=True, tag=True):
    """Bars of the past, of one instrument and interval."""

    bars: list[Bar]


class PastBarsSent(msgspec.Struct, frozen=True, tag=True):
    """As many bars of the past as there are have been sent: `on_start` may be called."""


class Selected(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Answer to `SelectInstrument`; `error` says why there is none."""

    number: int
    instrument: Instrument | None
    error: str


class Phases(msgspec.Struct, frozen=True, tag=True):
    """The calendar of the days around now."""

    spans: list[PhaseSpan]
    days: list[KnownDay]


class NewParams(msgspec.Struct, frozen=True, tag=True):
    """Parameters that have changed while it runs."""

    config_json: str


class Reconciled(msgspec.Struct, frozen=True, tag=True):
    """The account's books have been set right by the broker's; the order events of before have been sent."""


class SignalGiven(msgspec.Struct, frozen=True, tag=True):
    """Something that it is told from outside."""

    signal: Signal


class Stop(msgspec.Struct, frozen=True, tag=True):
    """Call `on_stop`, save, end."""

    reason: StopReason


RunnerMessage = (
    Start
    | InspectClass
    | TryConfinement
    | Ticks
    | OrderEvents
    | CaughtUp
    | OrderPlaced
    | PlaceFailed
    | CancelFailed
    | ModifyFailed
    | GuardAnswered
    | InstrumentsKnown
    | FeedState
    | BarsClosed
    | PastBars
    | PastBarsSent
    | Selected
    | Phases
    | Clock
    | NewParams
    | Reconciled
    | SignalGiven
    | Stop
)

# --- process -> runner ---


class Running(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """`on_start` has returned."""

    code_hash: str


class Progress(msgspec.Struct, frozen=True, tag=True):
    """The strategy's loop has gone round so many times; its longest callback since the last time took so long."""

    loop_count: int
    longest_callback_ms: int


class TicksTaken(msgspec.Struct, frozen=True, tag=True):
    """The oldest group of `Ticks` frames not yet answered has been handled."""


class Output(msgspec.Struct, frozen=True, tag=True):
    """A line that the strategy printed."""

    line: str


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """It cannot be started: the class or a parameter is wrong. `field` as in InspectResult.error_field."""

    field: str
    message: str


class Crashed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """An exception left a callback."""

    callback: str
    traceback: str


class Stopped(msgspec.Struct, frozen=True, tag=True):
    """`on_stop` has returned and everything has been sent."""


class Inspected(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What a class is."""

    schema: dict[str, Any]
    config: dict[str, Any]
    description: str
    code_hash: str
    symbols: list[str]


class ConfinementTried(msgspec.Struct, frozen=True, tag=True):
    """Why the kernel has refused; empty when it has not."""

    refusal: str


WorkerMessage = (
    Running
    | Progress
    | TicksTaken
    | Output
    | Failed
    | Crashed
    | Stopped
    | Inspected
    | ConfinementTried
    | PlaceOrder
    | CancelOrder
    | ModifyOrder
    | ProtectPosition
    | Notify
    | RecordMetric
    | ChangeSubscription
    | SelectInstrument
    | WantBars
    | SaveCheckpoint
)

_encoder = msgspec.msgpack.Encoder()
runner_messages: Final = msgspec.msgpack.Decoder(RunnerMessage)
worker_messages: Final = msgspec.msgpack.Decoder(WorkerMessage)


def frame(message: RunnerMessage | WorkerMessage) -> bytes:
    """A message as it goes through the pipe; raises `ValueError` for one that is too large."""
    body = _encoder.encode(message)
    if len(body) > MAX_FRAME_BYTES:
        raise ValueError(f"{type(message).__name__} has {len(body)} bytes, {MAX_FRAME_BYTES} fit through the pipe")
    return _LENGTH.pack(len(body)) + body


async def read_frame(reader: asyncio.StreamReader) -> bytes | None:
    """The body of the next frame; None at the end of the pipe. Raises `ValueError` for a frame that cannot be ours."""
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        if length > MAX_FRAME_BYTES:
            raise ValueError(f"a frame of {length} bytes came through the pipe, {MAX_FRAME_BYTES} are allowed")
        return await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
