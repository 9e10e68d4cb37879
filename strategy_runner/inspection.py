"""Looks at classes for the engine, each in a throwaway process: a user's module may do anything when it is imported."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from strategy_runner import protocol
from strategy_runner.confinement import Confinement
from strategy_runner.host import HostError, ProcessHost
from strategy_runner.protocol import ClassRef, Failed, Inspected
from strategy_runner.session_outbox import SessionOutbox
from tradewinds.telemetry import get_logger
from tradewinds.v1 import strategy_runner_pb2

log = get_logger("inspection")

INSPECT_SECONDS: Final = 8.0
_AT_ONCE: Final = 2


class Inspector:
    """Answers through the outbox. Two at a time; more than 100 waiting are refused."""

    def __init__(
        self,
        host: ProcessHost,
        outbox: SessionOutbox,
        folders: tuple[str, ...],
        confinement: Confinement,
        spawn: Callable[[str, Coroutine[Any, Any, Any]], object],
        seconds: float = INSPECT_SECONDS,
    ) -> None:
        self._host = host
        self._outbox = outbox
        self._folders = folders
        self._confinement = confinement
        self._spawn = spawn
        self._seconds = seconds
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0

    def ask(self, question: strategy_runner_pb2.Inspect) -> None:
        """Answer in the background."""
        if self._waiting >= 100:
            self._outbox.inspected(
                question.inspection_id, _failed("this runner looks at 100 classes already; try again")
            )
            return
        self._waiting += 1
        self._spawn(f"inspect:{question.inspection_id}", self._answer(question))

    async def _answer(self, question: strategy_runner_pb2.Inspect) -> None:
        try:
            async with self._room:
                found = await self.inspect(question.module_path, question.class_name, question.config_json)
        finally:
            self._waiting -= 1
        error = found.message if isinstance(found, Failed) else ""
        log.info("done", module_path=question.module_path, class_name=question.class_name, error=error)
        self._outbox.inspected(question.inspection_id, found)

    async def inspect(self, module_path: str, class_name: str, config_json: str) -> Inspected | Failed:
        """What the class is, or which field is to blame."""
        try:
            child = await self._host.spawn(f"inspect:{module_path}")
        except HostError as e:
            return _failed(str(e))
        ref = ClassRef(
            module_path=module_path, class_name=class_name, config_json=config_json, folders=list(self._folders)
        )
        try:
            child.writer.write(protocol.frame(protocol.InspectClass(strategy=ref, confinement=self._confinement)))
            async with asyncio.timeout(self._seconds):
                return await _answer_of(child.reader, module_path)
        except ValueError as e:
            return _failed(f"{module_path} wrote to its runner's pipe what is no message: {e}")
        except TimeoutError:
            return _failed(
                f"{module_path} takes longer than {self._seconds:g} s to import; what does it do at module level?"
            )
        finally:
            child.kill()
            child.writer.close()


async def _answer_of(reader: asyncio.StreamReader, module_path: str) -> Inspected | Failed:
    while (body := await protocol.read_frame(reader)) is not None:
        message = protocol.worker_messages.decode(body)
        if isinstance(message, Inspected | Failed):
            return message
    return _failed(f"{module_path} ended the process that imported it; the runner's log has its last words")


def _failed(message: str) -> Failed:
    return Failed(field="module_path", message=message)
