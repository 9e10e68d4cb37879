"""A strategy's own process: loads the class, runs its callbacks one at a time, speaks through its pipe and nothing else.

Forked from `fork_server.py`. Exit codes: 0 ended as asked, 1 crashed, 3 cannot be started, 70 the runner is gone.
"""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import sys
import time
import traceback
from pathlib import Path
from typing import Final

from strategy_runner import inspected_class, loading, protocol
from strategy_runner.confinement import confine
from strategy_runner.inbox import Inbox
from strategy_runner.printed_lines import PrintedLines
from strategy_runner.protocol import RunnerMessage, WorkerMessage
from strategy_runner.starting import UnsuitableError, build_driver
from strategy_runner.tick_rows import to_tick
from tradewinds.clock import ClockReading, MarketClock
from tradewinds.sdk.driver import StrategyDriver

_CRASHED: Final = 1
_UNSUITABLE: Final = 3
_RUNNER_GONE: Final = 70

_PROGRESS_SECONDS: Final = 1.0
_CHECKPOINT_SECONDS: Final = 0.25
# The pipe is read, timers are looked at and progress is told at least so often, if callbacks allow: each costs as much as a short callback.
_BREATH_SECONDS: Final = 0.001
_PAST_BARS_SECONDS: Final = 20.0
_MAX_UNSENT_BYTES: Final = 4 * 1024 * 1024
_MAX_TRACEBACK: Final = 8_000


def main(pipe_fd: int) -> int:
    """Serve one strategy (or one inspection) over the pipe; returns the exit code."""
    pipe = socket.socket(fileno=pipe_fd)
    # The standard loop writes at once, uvloop when the callback has returned: an order must not wait for what comes after it.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(_serve(pipe))


async def _serve(pipe: socket.socket) -> int:
    reader, writer = await asyncio.open_unix_connection(sock=pipe, limit=1024 * 1024)
    first = await protocol.read_frame(reader)
    if first is None:
        return _RUNNER_GONE
    message = protocol.runner_messages.decode(first)
    if not isinstance(message, protocol.Start | protocol.InspectClass | protocol.TryConfinement):
        raise TypeError(f"the first frame must begin something, was {type(message).__name__}")
    # From here on, before the first line of the user's. The loop and the pipe, which are sockets, are there.
    refusal = confine(message.confinement)
    if isinstance(message, protocol.Start) and not (refusal and message.confinement.is_required):
        return await StrategyWorker(reader, writer).run(message)
    writer.write(protocol.frame(_only_answer(message, refusal)))
    await writer.drain()
    return 0


def _only_answer(
    message: protocol.Start | protocol.InspectClass | protocol.TryConfinement, refusal: str
) -> WorkerMessage:
    if isinstance(message, protocol.TryConfinement):
        return protocol.ConfinementTried(refusal)
    if isinstance(message, protocol.Start) or (refusal and message.confinement.is_required):
        return protocol.Failed(field="module_path", message=f"its process cannot be confined: {refusal}")
    return inspected_class.inspect_class(message.strategy)


class InterruptedCallbackError(BaseException):
    """The supervisor has lost patience with this callback. Not an `Exception`: a strategy must not take it for one of its own."""


class StrategyWorker:
    """Runs one strategy until it is stopped, crashes, or its runner is gone."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._inbox = Inbox()
        self._clock = MarketClock()
        self._loop_count = 0
        self._progress_at = 0.0
        self._breathed_at = 0.0
        self._timers_at = 0.0
        self._longest_seconds = 0.0
        self._saved_at = 0.0
        self._has_past_bars = asyncio.Event()
        self._is_caught_up = False
        self._is_stopped = False

    async def run(self, start: protocol.Start) -> int:
        """The whole life; returns the exit code."""
        sys.stdout = sys.stderr = PrintedLines(lambda line: self._send(protocol.Output(line)))
        if start.clock is not None:
            self._set_clock(start.clock)
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        signal.signal(signal.SIGUSR1, self._interrupt)
        driver: StrategyDriver | None = None
        reading: asyncio.Task[None] | None = None
        try:
            driver = build_driver(start, self._clock, self._send)
            reading = asyncio.create_task(self._read(driver), name="pipe")
            if driver.want_bars():
                await self._wait_for_past_bars()
            await driver.start()
            self._send(protocol.Running(code_hash=loading.code_hash(type(driver.strategy))))
            while not self._is_stopped:
                await self._round(driver)
        except UnsuitableError as e:
            self._send(protocol.Failed(field=e.field, message=e.message))
            return await self._end(_UNSUITABLE)
        except (Exception, SystemExit, InterruptedCallbackError, asyncio.CancelledError) as e:
            self._send(_crash_report(driver, e))  # whatever a strategy raises ends this process, and is told
            return await self._end(_CRASHED)
        finally:
            if reading is not None:
                reading.cancel()
        return await self._end(0)

    async def _wait_for_past_bars(self) -> None:
        try:
            async with asyncio.timeout(_PAST_BARS_SECONDS):
                await self._has_past_bars.wait()
        except TimeoutError:
            print(f"no answer to bars() after {_PAST_BARS_SECONDS:g} s: beginning with what there is")  # noqa: T201 - its log

    def _interrupt(self, *_: object) -> None:
        """SIGUSR1: end the callback where it is, so that the report shows the line; one that only waits is cancelled there."""
        if asyncio.current_task(self._loop) is not None:
            raise InterruptedCallbackError
        if self._task is not None:
            self._loop.call_soon_threadsafe(self._task.cancel)

    async def _round(self, driver: StrategyDriver) -> None:
        """Handle one thing, or wait for one. Between two short callbacks there is not always time to look up: see `_BREATH_SECONDS`."""
        began = time.monotonic()
        self._loop_count += 1
        if await self._handle_next(driver, began):
            ended = time.monotonic()
            self._longest_seconds = max(self._longest_seconds, ended - began)
            if ended - self._breathed_at < _BREATH_SECONDS:
                return
            await asyncio.sleep(0)  # let the pipe be read between two callbacks
        else:
            await self._inbox.wait(self._idle_seconds(driver) if self._is_caught_up else _CHECKPOINT_SECONDS)
        self._breathed_at = time.monotonic()
        self._keep_up(driver, self._breathed_at)

    async def _handle_next(self, driver: StrategyDriver, now: float) -> bool:
        """By urgency: orders and orders from above, timers, a price. False when there is nothing to do."""
        if (message := self._inbox.next_message()) is not None:
            await self._handle(driver, message)
        elif not self._is_caught_up:
            return False
        elif now - self._timers_at >= _BREATH_SECONDS and self._timer_is_due(driver, now):
            await driver.fire_timers()
        elif (row := self._inbox.next_row()) is None:
            return False
        elif isinstance(row, protocol.TicksTaken):
            self._send(row)
        else:
            await driver.take_tick(to_tick(row))
        return True

    async def _handle(self, driver: StrategyDriver, message: RunnerMessage) -> None:
        match message:
            case protocol.CaughtUp():
                self._is_caught_up = True
            case protocol.InstrumentsKnown(instruments):
                driver.desk.learn(instruments)
            case protocol.FeedState(stale):
                await driver.take_feed_state(stale)
            case protocol.BarsClosed(bars):
                for bar in bars:
                    await driver.take_bar(bar)
            case protocol.Phases(spans, days):
                driver.learn_phases(spans, days)
            case protocol.Clock():
                self._set_clock(message)
            case protocol.NewParams(config_json):
                await driver.take_params(config_json)
            case protocol.Reconciled():
                await driver.take_reconciled()
            case protocol.SignalGiven(signal):
                await driver.take_signal(signal)
            case protocol.Stop(reason):
                await driver.stop(reason)
                driver.save_if_changed()
                self._is_stopped = True
                self._send(protocol.Stopped())
            case _:
                await self._handle_order(driver, message)

    async def _handle_order(self, driver: StrategyDriver, message: RunnerMessage) -> None:
        match message:
            case protocol.OrderEvents(events):
                for event in events:
                    await driver.take_order_event(event)
            case protocol.OrderPlaced(request_id=request_id, order_id=order_id):
                driver.bind_order(request_id, order_id)
            case protocol.PlaceFailed(request_id=request_id, state=state, reason=reason, message=text):
                await driver.take_place_failure(request_id, state, reason, text)
            case protocol.CancelFailed(request_id=request_id, reason=reason, message=text):
                await driver.take_cancel_failure(request_id, reason, text)
            case protocol.ModifyFailed(request_id=request_id, reason=reason, message=text):
                await driver.take_modify_failure(request_id, reason, text)
            case protocol.GuardAnswered(guard):
                await driver.take_guard(guard)
            case _:
                raise TypeError(f"{type(message).__name__} makes no sense while a strategy runs")

    def _timer_is_due(self, driver: StrategyDriver, now: float) -> bool:
        self._timers_at = now
        due = driver.next_due_ms()
        return due is not None and due <= self._clock.now_ms()

    def _idle_seconds(self, driver: StrategyDriver) -> float:
        """Until a timer, the next checkpoint or the next sign of progress."""
        wait = _CHECKPOINT_SECONDS if driver.has_unsaved else _PROGRESS_SECONDS
        due = driver.next_due_ms()
        if due is None or self._clock.rate <= 0:
            return wait
        return min(wait, max(0.0, (due - self._clock.now_ms()) / 1000 / self._clock.rate))

    def _keep_up(self, driver: StrategyDriver, now: float) -> None:
        if now - self._saved_at >= _CHECKPOINT_SECONDS and driver.has_unsaved:
            self._saved_at = now
            driver.save_if_changed()
        if now - self._progress_at >= _PROGRESS_SECONDS:
            self._progress_at = now
            self._send(protocol.Progress(self._loop_count, round(self._longest_seconds * 1000)))
            self._longest_seconds = 0.0

    def _set_clock(self, reading: protocol.Clock) -> None:
        self._clock.set(ClockReading(reading.market_ms, reading.real_ms, reading.rate))

    async def _read(self, driver: StrategyDriver) -> None:
        """What a callback may be waiting for is taken at once; everything else in its turn."""
        while (body := await protocol.read_frame(self._reader)) is not None:
            match protocol.runner_messages.decode(body):
                case protocol.Selected(number=number, instrument=instrument, error=error):
                    driver.take_selected(number, instrument, error)
                case protocol.PastBars(bars):
                    driver.desk.bars.put(bars)
                case protocol.PastBarsSent():
                    self._has_past_bars.set()
                case message:
                    await self._inbox.put(message)
        os._exit(_RUNNER_GONE)  # at once: without its runner a strategy must not even finish its callback

    def _send(self, message: WorkerMessage) -> None:
        if self._writer.transport.get_write_buffer_size() > _MAX_UNSENT_BYTES:
            raise OverflowError(
                f"the strategy sends faster than its runner takes: {type(message).__name__} did not fit"
            )
        self._writer.write(protocol.frame(message))

    async def _end(self, code: int) -> int:
        self._writer.close()
        await self._writer.wait_closed()
        return code


def _crash_report(driver: StrategyDriver | None, error: BaseException) -> protocol.Crashed:
    if isinstance(error, PermissionError) and error.errno == errno.EPERM:
        error.add_note("a strategy's process has no network, starts no other process and signals none")
    text = "".join(traceback.format_exception(error))
    here = str(Path(__file__).parent)
    callback = driver.callback if driver is not None else "__init__"
    return protocol.Crashed(callback=callback, traceback=text[-_MAX_TRACEBACK:].replace(here, "strategy_runner"))
