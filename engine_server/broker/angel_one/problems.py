"""What only a person can mend (an address that is not registered, a key, a blocked client), kept for people to see."""

from __future__ import annotations

import asyncio

from engine_server.broker.angel_one.evidence import Evidence
from engine_server.broker.angel_one.outcomes import configuration_problem
from tradewinds.telemetry import get_logger

log = get_logger("broker")


class KnownProblems:
    """One for each kind of request: the broker takes reads where it refuses orders. `changed` is set when the text is news."""

    def __init__(self, account_id: str) -> None:
        self._account_id = account_id
        self._texts: dict[str, str] = {}
        self._published = ""
        self.changed = asyncio.Event()

    @property
    def text(self) -> str:
        """Everything that is known to be wrong; '' when nothing is."""
        return "; ".join(text for _, text in sorted(self._texts.items()))

    def seen(self, kind: str, evidence: Evidence) -> None:
        """Learn from one answer. A yes to the same kind of request says that the problem is over."""
        if problem := configuration_problem(evidence):
            if self._texts.get(kind) != problem:
                self._texts[kind] = problem
                log.error("not_configured", account_id=self._account_id, kind=kind, problem=problem)
                self.changed.set()
        elif kind in self._texts and evidence.envelope is not None and evidence.envelope.ok:
            del self._texts[kind]
            log.info("configured_again", account_id=self._account_id, kind=kind)
            self.changed.set()

    def forget_published(self) -> None:
        """A new session has wiped what people saw."""
        self._published = ""
        if self._texts:
            self.changed.set()

    def take_news(self) -> str | None:
        """What people are to see now, where it is not what they see already."""
        self.changed.clear()
        if self.text == self._published:
            return None
        self._published = self.text
        return self._published
