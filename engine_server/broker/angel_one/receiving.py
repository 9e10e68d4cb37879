"""A short answer, read by the event loop as it comes: where the loop is busy, a thread that reads gets the interpreter milliseconds late
at every step, and a second has room for few of them.
"""

from __future__ import annotations

import asyncio
import http.client
import io
import ssl

from urllib3.connection import HTTPSConnection

from engine_server.broker.angel_one.evidence import Evidence, describe_error
from engine_server.broker.angel_one.exchange import Answer, parsed

_READ_BYTES = 64 * 1024
_END_OF_HEAD = b"\r\n\r\n"
_MAX_HEAD_BYTES = 64 * 1024


async def receive(connection: HTTPSConnection) -> Answer:
    """The whole answer to what was written; waits for ever, and ends by being cancelled. The socket does not block."""
    sock = connection.sock
    if not isinstance(sock, ssl.SSLSocket):
        return _broken("the connection was closed")
    loop, readable, received, descriptor = asyncio.get_running_loop(), asyncio.Event(), bytearray(), sock.fileno()
    loop.add_reader(descriptor, readable.set)
    try:
        while True:
            await readable.wait()
            readable.clear()
            has_ended = _take(sock, received)
            if (answer := whole_answer(bytes(received), has_ended=has_ended)) is not None:
                return answer
    except OSError as e:
        return _broken(describe_error(e))
    finally:
        loop.remove_reader(descriptor)


def whole_answer(received: bytes, *, has_ended: bool) -> Answer | None:
    """The answer in these bytes, which may be a broken one; None where more has to come. `has_ended`: nothing more does."""
    if _is_in_its_head(received):
        where = "in the head of an answer" if received else "without an answer"
        return _broken(f"the connection ended {where}") if has_ended else None
    stream = io.BytesIO(received)
    response = http.client.HTTPResponse(_Received(stream))  # type: ignore[arg-type] # all it asks of a socket
    try:
        answer = parsed(response)
    except http.client.IncompleteRead as e:
        return _broken(describe_error(e)) if has_ended else None
    except (OSError, http.client.HTTPException) as e:
        return _broken(describe_error(e))
    if not has_ended and not _has_an_end(response, received):
        return None
    # What comes behind an answer that was asked for alone belongs to nothing.
    return Answer(answer.evidence, answer.reusable and not has_ended and not stream.read(1))


def _broken(failure: str) -> Answer:
    return Answer(Evidence(begun=True, failure=failure), reusable=False)


class _Received:
    """In place of a socket."""

    def __init__(self, stream: io.BytesIO) -> None:
        self._stream = stream

    def makefile(self, _mode: str) -> io.BufferedIOBase:
        """What came. The response closes its file when it is read: this one stays open."""
        return _Kept(self._stream)


class _Kept(io.BufferedReader):
    """Leaves what it reads from open, and where it stands."""

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(io.BytesIO())
        self._stream = stream

    def read(self, size: int | None = -1) -> bytes:
        return self._stream.read(size)

    def readinto(self, buffer: object) -> int:
        return self._stream.readinto(buffer)  # type: ignore[arg-type]

    def readline(self, size: int | None = -1) -> bytes:
        return self._stream.readline(size)


def _take(sock: ssl.SSLSocket, received: bytearray) -> bool:
    """All that is there now; True where the other side has said its last."""
    try:
        while data := sock.recv(_READ_BYTES):
            received += data
    except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
        return False
    return True


def _is_in_its_head(received: bytes) -> bool:
    if _END_OF_HEAD in received or len(received) > _MAX_HEAD_BYTES:
        return False
    return received.startswith(b"HTTP/"[: len(received)])


def _has_an_end(response: http.client.HTTPResponse, received: bytes) -> bool:
    """Whether the answer says itself where it ends, and that is here: not the end of the connection, not the middle of a trailer."""
    if response.chunked:
        return received.endswith(_END_OF_HEAD)
    return response.getheader("Content-Length") is not None or response.status in (204, 304)
