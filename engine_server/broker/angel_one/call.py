"""One request on its way through a thread, and the one instant after which its bytes may have left."""

from __future__ import annotations

import contextlib
import socket
import threading
import time


class Call:
    """Shared by the thread that sends and the event loop that may give up; each asks under one lock.

    Given up before it has begun, a call never begins: that it was not sent is then certain.
    """

    def __init__(self, begin_seconds: float, seconds: float) -> None:
        """It begins within `begin_seconds` or never, and has all in all `seconds`."""
        now = time.monotonic()
        self._begin_by, self._deadline = now + begin_seconds, now + seconds
        self._lock = threading.Lock()
        self._abandoned = False
        self._begun = False
        self._socket: socket.socket | None = None

    @property
    def begun(self) -> bool:
        """Whether a byte may have left."""
        return self._begun

    def until_begin(self) -> float:
        """Seconds left to connect in, never less than a millisecond (0 would mean non-blocking to a socket)."""
        return max(0.001, self._begin_by - time.monotonic())

    def remaining(self) -> float:
        """Seconds until the deadline, never less than a millisecond."""
        return max(0.001, self._deadline - time.monotonic())

    def begin(self, sock: socket.socket) -> bool:
        """Called right before the first byte, with the socket it goes to; False: do not send it."""
        with self._lock:
            if self._begun:
                raise RuntimeError("a call sends one request")
            if self._abandoned or time.monotonic() >= self._begin_by:
                return False
            self._begun, self._socket = True, sock
            return True

    def end(self) -> bool:
        """Called when the answer is in or has failed; False: it was given up, the connection is of no use any more."""
        with self._lock:
            self._socket = None
            return not self._abandoned

    def abandon_unless_begun(self) -> bool:
        """Give up what has not begun; returns whether it has, and then goes on."""
        with self._lock:
            self._abandoned = not self._begun
            return self._begun

    def abandon(self) -> bool:
        """Give up; a waiting thread is woken by shutting its socket down. Returns whether a byte may have left."""
        with self._lock:
            self._abandoned = True
            if self._socket is not None:
                # Under the TLS layer, which the other thread is using.
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
            return self._begun
