"""One strategy on this runner, over all the processes that it has in turn."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import Final

from prometheus_client import Counter

from strategy_runner import protocol
from strategy_runner.assignment import Assignment, LifeEvent, LifeReport, SavedState
from strategy_runner.event_forwarding import EventForwarding
from strategy_runner.following import Following
from strategy_runner.health import Sample
from strategy_runner.host import HostError
from strategy_runner.hosting import Hosting
from strategy_runner.orders import OrderLane
from strategy_runner.process_end import End, exit_code, judged
from strategy_runner.restarts import RestartHistory
from strategy_runner.start_frame import start_frame
from strategy_runner.strategy_process import StrategyProcess
from strategy_runner.supervision import Supervision
from tradewinds.sdk import commands
from tradewinds.sdk.vocabulary import StopReason
from tradewinds.telemetry import get_logger

log = get_logger("strategy")

_DRAIN_SECONDS: Final = 5.0
_RESTART_DRAIN_SECONDS: Final = 12.0  # longer than an order is tried
_CLOCK_SECONDS: Final = 3.0
_crashes = Counter("tradewinds_strategy_crashes_total", "Strategy processes that ended by themselves")


class HostedStrategy:
    """Starts it, serves its pipe, starts it again after a crash, ends it; `run` is its life."""

    def __init__(self, assignment: Assignment, hosting: Hosting) -> None:
        self.assignment = assignment
        self.saved = assignment.saved
        self.last_report: LifeReport | None = None
        self._hosting = hosting
        self._lane = OrderLane(
            config_id=assignment.config_id,
            epoch=assignment.epoch,
            calls=hosting.calls,
            gate=hosting.gate,
            clock=hosting.clock,
            answer=self._send,
            is_followed=lambda: self.events.is_caught_up,
        )
        self._lane.pause(assignment.entries_denied_because)
        self.events = EventForwarding(assignment.config_id, self._lane.note_event)
        self._process: StrategyProcess | None = None
        self._following: Following | None = None
        self._supervision: Supervision | None = None
        self._pid = 0
        self._kill_timer: asyncio.TimerHandle | None = None
        self._history = RestartHistory()
        self._stopping: StopReason | None = None
        self._is_abandoned = False
        self._wake = asyncio.Event()

    def stop(self, reason: StopReason, *, revision: int | None = None) -> None:
        """End it in order: `on_stop`, last checkpoint, exit; killed when that takes too long."""
        if revision is not None:
            self.assignment = replace(self.assignment, revision=revision)
        if self._stopping is not None:
            return
        self._stopping = reason
        self._wake.set()
        if self._process is not None:
            self._process.send(protocol.Stop(reason))
            loop = asyncio.get_running_loop()
            self._kill_timer = loop.call_later(self._hosting.stop_seconds, self._process.child.kill)

    def can_follow(self, wanted: Assignment) -> bool:
        """Whether the present process satisfies a newer directive: nobody has asked for a new one since it was wanted."""
        ours = self.assignment
        return self._stopping is None and wanted.epoch == ours.epoch and 0 < wanted.process_revision <= ours.revision

    def follow(self, wanted: Assignment) -> None:
        """Take what changed without a new process, and say so by saying again where it is."""
        if wanted.config_json != self.assignment.config_json:
            self._send(protocol.NewParams(wanted.config_json))
        self._tell_signals(wanted)
        self.assignment = wanted
        self._lane.pause(wanted.entries_denied_because)
        if self.last_report is not None:
            self.last_report = replace(self.last_report, revision=wanted.revision)
            self._hosting.upstream.report(self.last_report)

    def _tell_signals(self, wanted: Assignment) -> None:
        """Those that no earlier directive carried: at most once, and only to a process that runs."""
        known = {told.id for told in self.assignment.signals}
        for new in wanted.signals:
            if new.id not in known:
                self._send(protocol.SignalGiven(new))

    def kill(self) -> None:
        """End the present process now; `stop` has said why."""
        if self._process is not None:
            self._process.child.kill()

    def abandon(self) -> None:
        """Somebody else holds it now: kill it, report nothing."""
        self._is_abandoned = True
        self._stopping = self._stopping or StopReason.RUNNER_LOST
        self._wake.set()
        if self._process is not None:
            self._process.child.kill()

    def tell(self, news: protocol.Clock | protocol.Phases | protocol.Reconciled) -> None:
        """The market clock has jumped or changed its rate; the calendar has changed; the account's books were set right."""
        self._send(news)

    def repeat_report(self) -> None:
        """Say again where it is, to an engine that may have missed it; what happened there meanwhile is replayed."""
        upstream, a = self._hosting.upstream, self.assignment
        upstream.checkpoint(a.config_id, a.epoch, self.saved)
        if self._following is not None:
            upstream.subscriptions(a.config_id, a.epoch, self._following.keys)
        if self.last_report is not None:
            upstream.report(self.last_report)
        self.events.expect_replay()

    @property
    def watermark(self) -> int:
        """Order events passed on without a gap up to here."""
        return self.events.watermark if self._process is not None else self.saved.last_event_sequence

    @property
    def process(self) -> StrategyProcess | None:
        """The present one; none between two."""
        return self._process

    @property
    def supervision(self) -> Supervision | None:
        """Of the present process."""
        return self._supervision

    def supervise(self, seen: Sample, elapsed: float) -> None:
        """One look at the present process; one that ends already has its own time limit."""
        if self._supervision is not None and self._stopping is None:
            self._supervision.look(seen, elapsed)

    async def run(self) -> None:
        """Until it is stopped, cannot be started, or is abandoned."""
        lane = self._hosting.spawn(f"orders:{self.assignment.config_id}", self._lane.run())
        try:
            while (end := await self._one_process()).event is LifeEvent.CRASHED:
                # What the dead process asked for is answered first: its successor must find every order in the event log before its
                # first price, or it would decide as if there were none.
                await self._lane.drain(_RESTART_DRAIN_SECONDS)
                await self._wait_to_restart(end)
            if not self._is_abandoned:
                await self._lane.drain(_DRAIN_SECONDS)
                self._report(end.event, detail=end.detail)
        finally:
            self._hosting.dismiss(lane)

    async def _wait_to_restart(self, end: End) -> None:
        _crashes.inc()
        self._history = self._history.after_crash(end.lived_seconds)
        delay = self._history.delay_seconds(self._hosting.random)
        self._report(
            LifeEvent.CRASHED,
            detail=end.detail,
            retry_at_seconds=self._hosting.clock.now().timestamp() + delay,
        )
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await self._wake.wait()

    async def _one_process(self) -> End:
        """Start a process and serve it to its end."""
        a = self.assignment
        await self._wait_for_the_market_clock()
        if self._stopping is not None:
            return End(LifeEvent.STOPPED, "it was waiting to be started again")
        try:
            child = await self._hosting.host.spawn(f"strategy:{a.config_id}")
        except HostError as e:
            return End(LifeEvent.CRASHED, str(e))
        self._pid = child.pid
        process = self._process = StrategyProcess(a.config_id, child)
        following = self._following = Following(self._hosting, a, process)
        self._supervision = self._supervise(process)
        subscribing = self._hosting.spawn(f"follow:{a.config_id}", following.run())
        began = self._hosting.clock.monotonic()
        try:
            if self._stopping is not None:
                return End(LifeEvent.STOPPED)  # asked while the process was being made
            self._begin(process)
            end = await self._serve(process)
            return replace(end, lived_seconds=self._hosting.clock.monotonic() - began)
        finally:
            child.kill()
            child.writer.close()
            if self._kill_timer is not None:
                self._kill_timer.cancel()
            self._hosting.dismiss(subscribing)
            following.end()
            self.events.end()
            self._lane.deny_entries("")
            self._process = self._following = self._supervision = None

    async def _wait_for_the_market_clock(self) -> None:
        """One that begins in the present and then finds itself in a recorded year takes every position for years old. Without Redis or
        a feed it begins on the real clock, which with a real broker is the market's."""
        try:
            async with asyncio.timeout(_CLOCK_SECONDS):
                await self._hosting.market_clock_known.wait()
        except TimeoutError:
            log.warning("market_clock.unknown", config_id=self.assignment.config_id, waited_seconds=_CLOCK_SECONDS)

    def _supervise(self, process: StrategyProcess) -> Supervision:
        a, upstream = self.assignment, self._hosting.upstream

        def tell(reason: str) -> None:
            text = f"{reason}; its entries are denied, its exits and cancels are not"
            upstream.notify(
                a.config_id, a.epoch, commands.Notify(title="The strategy is unwell", text=text, dedupe_key="unwell")
            )

        return Supervision(
            a.config_id, process, self._hosting.bounds, deny_entries=self._lane.deny_entries, tell_user=tell
        )

    def _begin(self, process: StrategyProcess) -> None:
        # The checkpoint before STARTING: from there on the engine replays.
        a = self.assignment
        self._hosting.upstream.checkpoint(a.config_id, a.epoch, self.saved)
        self._report(LifeEvent.STARTING)
        process.send(start_frame(a, self.saved, self._hosting))
        process.send(self._hosting.phases())
        self.events.begin(process.send, self.saved.last_event_sequence)

    async def _serve(self, process: StrategyProcess) -> End:
        end: End | None = None
        try:
            async for message in process.messages():
                match message:
                    case protocol.Failed(field=field, message=text):
                        end = End(LifeEvent.FAILED, f"{field}: {text}")
                    case protocol.Crashed(callback=callback, traceback=text):
                        end = End(LifeEvent.CRASHED, f"{callback}: {text}")
                    case protocol.Stopped():
                        end = End(LifeEvent.STOPPED)
                    case _:
                        self._take(process, message)
        except ValueError as e:  # the pipe is an open file of its process: it can write anything there
            process.child.kill()
            end = End(LifeEvent.CRASHED, f"it wrote to its runner's pipe what is no message: {e}")
        return judged(
            end,
            await exit_code(process),
            stopping=self._stopping,
            ended_because=self._supervision.ended_because if self._supervision is not None else "",
            stop_seconds=self._hosting.stop_seconds,
        )

    def _take(self, process: StrategyProcess, message: protocol.WorkerMessage) -> None:
        a, upstream = self.assignment, self._hosting.upstream
        match message:
            case protocol.Running(code_hash=code_hash):
                process.is_running = True
                self._report(LifeEvent.RUNNING, code_hash=code_hash)
                process.flush_ticks()
            case protocol.Progress(loop_count, longest_callback_ms):
                process.loop_count, process.longest_callback_ms = loop_count, longest_callback_ms
            case protocol.TicksTaken():
                process.ticks_answered()
            case protocol.Output(line):
                log.info("printed", config_id=a.config_id, line=line)
                upstream.log(a.config_id, a.epoch, "PRINTED", line)
            case commands.PlaceOrder() | commands.CancelOrder() | commands.ModifyOrder() | commands.ProtectPosition():
                self._lane.submit(message)
            case commands.Notify():
                upstream.notify(a.config_id, a.epoch, message)
            case commands.RecordMetric():
                upstream.metric(a.config_id, message)
            case commands.ChangeSubscription() | commands.SelectInstrument() | commands.WantBars():
                if self._following is not None:
                    self._following.wish(message)
            case commands.SaveCheckpoint(last_event_sequence=sequence, state_json=state_json):
                self.saved = SavedState(state_json, sequence)
                upstream.checkpoint(a.config_id, a.epoch, self.saved)

    def _report(
        self, event: LifeEvent, *, detail: str = "", code_hash: str = "", retry_at_seconds: float | None = None
    ) -> None:
        a = self.assignment
        self.last_report = LifeReport(
            config_id=a.config_id,
            epoch=a.epoch,
            revision=a.revision,
            event=event,
            pid=self._pid,
            detail=detail,
            code_hash=code_hash,
            retry_at_seconds=retry_at_seconds,
        )
        log.info(event.name.lower(), config_id=a.config_id, epoch=a.epoch, pid=self._pid, detail=detail)
        self._hosting.upstream.report(self.last_report)
        story = f"{event.name} pid {self._pid}{f': {detail}' if detail else ''}"
        self._hosting.upstream.log(a.config_id, a.epoch, "RUNNER", story)

    def _send(self, message: protocol.RunnerMessage) -> None:
        if self._process is not None:
            self._process.send(message)
