"""How every process lives: settings, logs, metrics, watched tasks, clean stop on SIGTERM; one event loop, uvloop.

A named task that dies takes its process down (crash-only: whoever supervises starts it again). A configuration error is
one line on stderr and exit code 2; a clean stop is exit code 0.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, NoReturn

import uvloop

from tradewinds import config, failpoints, telemetry
from tradewinds.errors import ConfigurationError

log = telemetry.get_logger("service")

_CANCEL_AGAIN_SECONDS = 1.0


class Service:
    """A running process: its settings, its tasks, and the event that ends it."""

    def __init__(self, name: str, settings: config.ServiceSettings) -> None:
        self.name = name
        self.settings = settings
        self.stopping = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._dismissed: set[asyncio.Task[Any]] = set()
        self._failure: BaseException | None = None

    def spawn(self, name: str, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run a named background task; if it fails, or is cancelled by anybody but `dismiss` and `close`, the process says so and stops."""
        task = asyncio.get_running_loop().create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    def dismiss(self, task: asyncio.Task[Any]) -> None:
        """Cancel a spawned task that is no longer needed; `close` still waits for it."""
        if not task.done():
            self._dismissed.add(task)
            task.cancel()

    def _task_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self._judge(task)
        self._dismissed.discard(task)

    def _judge(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled():
            if (error := task.exception()) is not None:
                self.fail(task.get_name(), error)
        elif task not in self._dismissed and not self.stopping.is_set():
            # Something that it awaited was cancelled under it. Nobody else would notice that its work is no longer done.
            self.fail(task.get_name(), RuntimeError("it ended cancelled, and nobody had dismissed it"))

    def fail(self, what: str, error: BaseException | None) -> None:
        """Something the process cannot live without has died: stop, with exit code 1."""
        log.error("task.died", task=what, error=repr(error), exc_info=error)
        self._failure = self._failure or error or RuntimeError(what)
        self.stopping.set()

    def ready(self, **addresses: object) -> None:
        """Tell whoever started us that we serve: log it, and write READY_FILE atomically."""
        facts = {"pid": os.getpid(), **addresses}
        log.info("ready", **facts)
        if self.settings.ready_file is not None:
            write_json_atomically(self.settings.ready_file, facts)

    async def run_until_stopped(self) -> None:
        """Wait for SIGTERM, SIGINT or the death of a task, then end the remaining tasks."""
        await self.stopping.wait()

    async def close(self) -> None:
        """Cancel what still runs and wait for it; then raise what made us stop, if anything did."""
        self.stopping.set()  # also where `main` has ended by itself: what is cancelled from here on has not died
        pending = {task for task in self._tasks if not task.done()}
        while pending:
            # More than once: before Python 3.12 `asyncio.wait_for`, in which redis-py sends, loses a cancellation that comes
            # just as it ends (python/cpython#86296), and the task would run on for ever.
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=_CANCEL_AGAIN_SECONDS)
        if self._failure is not None:
            raise self._failure


def write_json_atomically(path: Path, facts: object) -> None:
    """A reader sees the old file or the new one, never half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(facts, indent=1))
    temporary.replace(path)


def run(name: str, main: Callable[[Service], Awaitable[None]], *, use_uvloop: bool = True) -> NoReturn:
    """Run `main` as the process `name` and exit: 0 after a clean stop, 2 for a configuration error, 1 for a crash."""
    try:
        settings = config.load(config.ServiceSettings)
        failpoints.arm(config.load(failpoints.FailpointSettings).parsed())
        telemetry.configure_logging(
            settings.instance_id if settings.instance_id != "local" else name, settings.log_level
        )
        factory = uvloop.new_event_loop if use_uvloop else asyncio.new_event_loop
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(_live(name, settings, main))
    except ConfigurationError as e:
        sys.stderr.write(f"{name}: {e}\n")
        sys.exit(2)
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(0)
    except Exception:
        log.error("crashed", exc_info=True)
        sys.exit(1)
    sys.exit(0)


async def _live(name: str, settings: config.ServiceSettings, main: Callable[[Service], Awaitable[None]]) -> None:
    service = Service(name, settings)
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, service.stopping.set)
    log.info("starting", settings=settings.model_dump(mode="json"))
    try:
        await main(service)
    finally:
        await service.close()
    log.info("stopped")


def serve_metrics(service: Service) -> int:
    """Serve /metrics of this process; returns the port."""
    return telemetry.serve_metrics(service.settings.host, service.settings.metrics_port)


def log_settings(*settings: config.Settings) -> None:
    """Log effective settings at start; secrets show as asterisks."""
    for one in settings:
        log.info("settings", name=type(one).__name__, values=one.model_dump(mode="json"))
