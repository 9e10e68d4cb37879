"""The order gate: closed while it is not sure that the lease is still ours (design §5.2).

Counted on the monotonic clock from the moment a heartbeat was SENT: an answer that was long on its way proves nothing newer.
"""

from __future__ import annotations

from collections.abc import Callable


class OrderGate:
    """Opens with the first acknowledgement, closes `close_seconds` after the send of the newest acknowledged heartbeat."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._close_seconds = 0.0
        self._sent: dict[int, float] = {}
        self._proven_at: float | None = None

    def configure(self, close_seconds: float) -> None:
        """As the engine's Welcome says."""
        self._close_seconds = close_seconds

    def note_registered(self, sent_at: float) -> None:
        """Welcome answers a Register that was sent then: the lease is fresh."""
        self._sent.clear()
        self._proven_at = sent_at

    def note_sent(self, number: int) -> None:
        """A heartbeat leaves now."""
        self._sent[number] = self._monotonic()

    def note_acknowledged(self, number: int) -> None:
        """The engine has committed this heartbeat, and with it all earlier ones."""
        if number not in self._sent:
            return
        self._proven_at = max(self._sent[number], self._proven_at or 0.0)
        self._sent = {later: at for later, at in self._sent.items() if later > number}

    def silent_seconds(self) -> float:
        """Since the newest proof of the lease; 0 before the first."""
        return 0.0 if self._proven_at is None else self._monotonic() - self._proven_at

    @property
    def is_open(self) -> bool:
        """Whether orders may leave."""
        return self._proven_at is not None and self.silent_seconds() < self._close_seconds
