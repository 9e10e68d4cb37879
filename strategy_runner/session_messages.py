"""proto ⇄ the runner's own terms, nothing else."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

from google.protobuf import json_format
from google.protobuf.timestamp_pb2 import Timestamp

from strategy_runner.assignment import Assignment, LifeEvent, LifeReport, SavedState
from strategy_runner.protocol import Failed, HeldPosition, Inspected
from strategy_runner.roster import Held
from tradewinds.instruments import Instrument
from tradewinds.sdk.commands import Notify, RecordMetric
from tradewinds.sdk.orders import FillReport, OrderEvent, OrderReport
from tradewinds.sdk.signals import Signal
from tradewinds.sdk.vocabulary import OrderState, OrderType, Product, Side
from tradewinds.v1 import common_pb2, market_data_pb2, strategy_manager_pb2, strategy_runner_pb2, trading_pb2

_LIFE_EVENTS = {
    LifeEvent.STARTING: strategy_runner_pb2.STRATEGY_EVENT_STARTING,
    LifeEvent.RUNNING: strategy_runner_pb2.STRATEGY_EVENT_RUNNING,
    LifeEvent.STOPPED: strategy_runner_pb2.STRATEGY_EVENT_STOPPED,
    LifeEvent.CRASHED: strategy_runner_pb2.STRATEGY_EVENT_CRASHED,
    LifeEvent.FAILED: strategy_runner_pb2.STRATEGY_EVENT_FAILED,
}


def assignment(directive: strategy_runner_pb2.Directive) -> Assignment:
    """What a directive wants."""
    return Assignment(
        config_id=directive.config_id,
        epoch=directive.epoch,
        revision=directive.revision,
        run=directive.run,
        module_path=directive.module_path,
        class_name=directive.class_name,
        config_json=directive.config_json or "{}",
        instruments=tuple(map(_instrument, directive.instruments)),
        saved=SavedState(directive.state_json, directive.last_event_sequence),
        positions=tuple(map(_position, directive.positions)),
        working_orders=tuple(map(order_report, directive.working_orders)),
        process_revision=directive.process_revision,
        entries_denied_because=directive.entries_denied_because,
        kill=directive.kill,
        signals=tuple(
            Signal(id=signal.signal_id, data=json.loads(signal.data_json), sender=signal.sender)
            for signal in directive.signals
        ),
        account_id=directive.account_id,
    )


def _instrument(message: market_data_pb2.Instrument) -> Instrument:
    exchange, _, symbol = message.instrument.partition(":")
    return Instrument(
        key=message.instrument,
        exchange=exchange,
        symbol=symbol,
        token=message.token,
        name=message.name,
        kind=message.kind,
        lot_size=message.lot_size,
        tick_size=Decimal(message.tick_size or 0),
    )


def _position(message: trading_pb2.Position) -> HeldPosition:
    return HeldPosition(
        instrument=message.instrument,
        product=_product(message.product),
        net_quantity=message.net_quantity,
        average_price=message.average_price,
        realised_pnl=message.realised_pnl,
    )


def order_report(order: trading_pb2.Order) -> OrderReport:
    """An order as a strategy sees it."""
    return OrderReport(
        order_id=order.order_id,
        request_id=order.request_id,
        instrument=order.instrument,
        side=Side(common_pb2.Side.Name(order.side).removeprefix("SIDE_")),
        quantity=order.quantity,
        filled_quantity=order.filled_quantity,
        order_type=OrderType(common_pb2.OrderType.Name(order.order_type).removeprefix("ORDER_TYPE_")),
        product=_product(order.product),
        price=order.price,
        trigger_price=order.trigger_price,
        average_price=order.average_price,
        state=OrderState(trading_pb2.OrderState.Name(order.state).removeprefix("ORDER_STATE_")),
        reason=order.reason,
        message=order.message,
        cancel_requested=order.cancel_requested,
        modify_requested=order.modify_requested,
        origin=order.origin,
    )


def _product(value: common_pb2.Product) -> Product:
    if value == common_pb2.PRODUCT_UNSPECIFIED:
        return Product.MIS
    return Product(common_pb2.Product.Name(value).removeprefix("PRODUCT_"))


def order_event(event: strategy_runner_pb2.OrderEvent) -> OrderEvent:
    """One event of a strategy's log."""
    fill = None
    if event.HasField("trade"):
        trade = event.trade
        fill = FillReport(
            trade_id=trade.trade_id,
            quantity=trade.quantity,
            price=trade.price,
            traded_ms=trade.traded_at.ToMilliseconds(),
        )
    return OrderEvent(sequence=event.sequence, order=order_report(event.order), fill=fill)


def register(
    runner_id: str, instance_id: str, capacity: int, build: str, held: list[Held]
) -> strategy_runner_pb2.SessionRequest:
    """The first message."""
    return strategy_runner_pb2.SessionRequest(
        register=strategy_runner_pb2.Register(
            runner_id=runner_id,
            instance_id=instance_id,
            capacity=capacity,
            build=build,
            held=[
                strategy_runner_pb2.HeldAssignment(
                    config_id=h.config_id, epoch=h.epoch, revision=h.revision, last_event_sequence=h.watermark
                )
                for h in held
            ],
        )
    )


def heartbeat(number: int, held: list[Held]) -> strategy_runner_pb2.SessionRequest:
    """Still here, and the pulse of each process."""
    vitals = [
        strategy_runner_pb2.StrategyVitals(
            config_id=h.config_id,
            epoch=h.epoch,
            loop_count=h.loop_count,
            process_id=h.pid,
            memory_bytes=h.condition.memory_bytes,
            cpu_share=h.condition.cpu_share,
            longest_callback_ms=h.longest_callback_ms,
            health=f"STRATEGY_HEALTH_{h.judgement.level.name}",
            health_reason=h.judgement.reason,
        )
        for h in held
        if h.pid
    ]
    return strategy_runner_pb2.SessionRequest(heartbeat=strategy_runner_pb2.Heartbeat(number=number, strategies=vitals))


def life_report(report: LifeReport) -> strategy_runner_pb2.SessionRequest:
    """One line of a strategy's life."""
    message = strategy_runner_pb2.StrategyReport(
        config_id=report.config_id,
        epoch=report.epoch,
        revision=report.revision,
        event=_LIFE_EVENTS[report.event],
        process_id=report.pid,
        detail=report.detail,
        code_hash=report.code_hash,
    )
    if report.retry_at_seconds is not None:
        message.retry_at.CopyFrom(_timestamp(report.retry_at_seconds))
    return strategy_runner_pb2.SessionRequest(strategy_report=message)


def checkpoint(config_id: str, epoch: int, saved: SavedState) -> strategy_runner_pb2.SessionRequest:
    """State and events, one fact."""
    return strategy_runner_pb2.SessionRequest(
        checkpoint=strategy_runner_pb2.Checkpoint(
            config_id=config_id,
            epoch=epoch,
            last_event_sequence=saved.last_event_sequence,
            state_json=saved.state_json or "{}",
        )
    )


def notification(config_id: str, epoch: int, notice: Notify) -> strategy_runner_pb2.SessionRequest:
    """For the strategy's user."""
    return strategy_runner_pb2.SessionRequest(
        notification=strategy_runner_pb2.StrategyNotification(
            config_id=config_id, epoch=epoch, title=notice.title, text=notice.text, dedupe_key=notice.dedupe_key
        )
    )


def metric(config_id: str, value: RecordMetric) -> strategy_runner_pb2.StrategyMetric:
    """One value."""
    return strategy_runner_pb2.StrategyMetric(
        config_id=config_id, name=value.name, value=value.value, recorded_at=_timestamp(value.recorded_ms / 1000)
    )


def metrics(values: list[strategy_runner_pb2.StrategyMetric]) -> strategy_runner_pb2.SessionRequest:
    """A batch of values."""
    return strategy_runner_pb2.SessionRequest(metrics=strategy_runner_pb2.MetricsBatch(metrics=values))


def log_line(written_seconds: float, source: str, text: str) -> strategy_manager_pb2.StrategyLogLine:
    """One line."""
    return strategy_manager_pb2.StrategyLogLine(written_at=_timestamp(written_seconds), source=source, text=text)


def logs(
    config_id: str, epoch: int, lines: list[strategy_manager_pb2.StrategyLogLine]
) -> strategy_runner_pb2.SessionRequest:
    """A batch of lines."""
    batch = strategy_runner_pb2.StrategyLogBatch(config_id=config_id, epoch=epoch, lines=lines)
    return strategy_runner_pb2.SessionRequest(logs=batch)


def subscriptions(config_id: str, epoch: int, instruments: frozenset[str]) -> strategy_runner_pb2.SessionRequest:
    """The whole set."""
    return strategy_runner_pb2.SessionRequest(
        subscriptions=strategy_runner_pb2.Subscriptions(
            config_id=config_id, epoch=epoch, instruments=sorted(instruments)
        )
    )


def inspect_result(inspection_id: str, found: Inspected | Failed) -> strategy_runner_pb2.SessionRequest:
    """What a class turned out to be."""
    result = strategy_runner_pb2.InspectResult(inspection_id=inspection_id)
    if isinstance(found, Failed):
        result.error, result.error_field = found.message, found.field
    else:
        json_format.ParseDict(found.schema, result.params_schema)
        json_format.ParseDict(found.config, result.config)
        result.description, result.code_hash = found.description, found.code_hash
        result.symbols.extend(found.symbols)
    return strategy_runner_pb2.SessionRequest(inspect_result=result)


def goodbye(reason: str) -> strategy_runner_pb2.SessionRequest:
    """The runner goes, on purpose."""
    return strategy_runner_pb2.SessionRequest(goodbye=strategy_runner_pb2.Goodbye(reason=reason))


def _timestamp(seconds: float) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(datetime.fromtimestamp(seconds, UTC))
    return stamp
