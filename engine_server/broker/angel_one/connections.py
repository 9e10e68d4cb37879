"""The open connections of one lane: kept warm, so that an order never waits for a handshake."""

from __future__ import annotations

import ssl
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Protocol

from urllib3.connection import HTTPSConnection

# Front ends commonly close what idles for 60 s. An idle connection is replaced well before: a request that meets the
# server's close on its way would be of unknown outcome.
MAX_IDLE_SECONDS = 40.0
_CONNECT_SECONDS = 3.0
_HTTPS_PORT = 443


class Route(Protocol):
    """How a connection to the broker is made."""

    def connect(self, host: str, port: int, timeout_seconds: float) -> HTTPSConnection:
        """One whose TLS handshake is done; blocks. Whatever is raised, no byte of any request has left."""
        ...


@dataclass(frozen=True)
class _Idle:
    connection: HTTPSConnection
    since: float


class Connections:
    """Used by the lane's threads and its keeper; the last one given back is taken first."""

    def __init__(self, route: Route, origin: tuple[str, int], size: int) -> None:
        self._route = route
        self._origin = origin
        self.host = origin[0] if origin[1] == _HTTPS_PORT else f"{origin[0]}:{origin[1]}"  # as the Host header names it
        self._size = size
        self._lock = threading.Lock()
        self._idle: deque[_Idle] = deque()
        self._taken = 0
        self._closed = False

    def take_warm(self) -> HTTPSConnection | None:
        """One that stands already; None without any. Never blocks."""
        while (idle := self._pop()) is not None:
            if _is_fresh(idle):
                with self._lock:
                    self._taken += 1
                return idle.connection
            idle.connection.close()
        return None

    def take(self, timeout_seconds: float) -> HTTPSConnection:
        """A connection that stands, warm if there is one. Blocks, and raises what connecting raises."""
        if (warm := self.take_warm()) is not None:
            return warm
        connection = self._open(timeout_seconds)
        with self._lock:
            self._taken += 1
        return connection

    def give_back(self, connection: HTTPSConnection, *, reusable: bool) -> None:
        """Every connection that was taken comes back, once."""
        with self._lock:
            self._taken -= 1
            keep = reusable and connection.sock is not None and not self._closed and len(self._idle) < self._size
            if keep:
                self._idle.append(_Idle(connection, time.monotonic()))
        if not keep:
            connection.close()

    def refresh(self) -> None:
        """Replace what is stale and open what is missing; raises what connecting raises. Blocks."""
        with self._lock:
            candidates, self._idle = self._idle, deque()
        for idle in reversed(candidates):
            if _is_fresh(idle):
                self._put(idle)
            else:
                idle.connection.close()
        while self._missing():
            self._put(_Idle(self._open(_CONNECT_SECONDS), time.monotonic()))

    def close(self) -> None:
        """Close the idle ones now and the others when they come back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, deque()
        for one in idle:
            one.connection.close()

    def _open(self, timeout_seconds: float) -> HTTPSConnection:
        return self._route.connect(*self._origin, min(timeout_seconds, _CONNECT_SECONDS))

    def _pop(self) -> _Idle | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _put(self, idle: _Idle) -> None:
        with self._lock:
            if not self._closed:
                # On the left: what was used last stays the first to be taken.
                self._idle.appendleft(idle)
                return
        idle.connection.close()

    def _missing(self) -> bool:
        with self._lock:
            return not self._closed and len(self._idle) + self._taken < self._size


def _is_fresh(idle: _Idle) -> bool:
    return time.monotonic() - idle.since < MAX_IDLE_SECONDS and _is_open(idle.connection)


def _is_open(connection: HTTPSConnection) -> bool:
    """Whether the peer has neither closed nor spoken. A readable socket alone is no sign: TLS 1.3 session tickets arrive
    after the handshake, so the TLS layer itself is asked.
    """
    sock = connection.sock
    if not isinstance(sock, ssl.SSLSocket):
        return False
    try:
        sock.settimeout(0)
        sock.recv(1)
    except ssl.SSLWantReadError:
        return True
    except OSError:
        return False
    return False
