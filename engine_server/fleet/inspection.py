"""Asking a runner what a class is: it loads the class in a throwaway process and says."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from tradewinds.errors import UnavailableError
from tradewinds.ids import IdFactory

DEADLINE_SECONDS = 10.0


class NoRunnerError(UnavailableError):
    """No runner is connected that could load the class; start one and try again."""

    reason = "NO_RUNNER"


@dataclass(frozen=True)
class Inspected:
    """What a class turned out to be; `error` (and the field to blame) when it is not fit to run."""

    error: str
    error_field: str
    config: Mapping[str, object]
    params_schema: Mapping[str, object]
    description: str
    code_hash: str


class Inspector(Protocol):
    """A connected runner."""

    @property
    def runner_id(self) -> str:
        """Its name."""
        ...

    def inspect(self, inspection_id: str, module_path: str, class_name: str, config_json: str) -> bool:
        """Send the question; False when it cannot be sent."""
        ...


@dataclass
class _Pending:
    inspector: Inspector
    answer: asyncio.Future[Inspected]


class Inspections:
    """Questions under way and who was asked."""

    def __init__(self, ids: IdFactory) -> None:
        self._ids = ids
        self._pending: dict[str, _Pending] = {}

    async def ask(self, inspector: Inspector | None, module_path: str, class_name: str, config_json: str) -> Inspected:
        """The runner's answer. Raises `NoRunnerError` when there is none, it goes meanwhile, or it does not answer in 10 s."""
        if inspector is None:
            raise NoRunnerError
        inspection_id = self._ids("inspect")
        answer: asyncio.Future[Inspected] = asyncio.get_running_loop().create_future()
        self._pending[inspection_id] = _Pending(inspector, answer)
        try:
            if not inspector.inspect(inspection_id, module_path, class_name, config_json):
                raise NoRunnerError(f"runner {inspector.runner_id} does not take questions now; try again")
            async with asyncio.timeout(DEADLINE_SECONDS):
                return await answer
        except TimeoutError as e:
            raise NoRunnerError(
                f"runner {inspector.runner_id} did not say what {module_path}.{class_name} is within {DEADLINE_SECONDS:g} s"
            ) from e
        finally:
            del self._pending[inspection_id]

    def answered(self, inspection_id: str, result: Inspected) -> None:
        """A runner's answer; one that nobody waits for any more is dropped."""
        pending = self._pending.get(inspection_id)
        if pending is not None and not pending.answer.done():
            pending.answer.set_result(result)

    def gone(self, inspector: Inspector) -> None:
        """This runner will not answer any more."""
        for pending in self._pending.values():
            if pending.inspector is inspector and not pending.answer.done():
                pending.answer.set_exception(
                    NoRunnerError(f"runner {inspector.runner_id} left while it was asked; try again")
                )
