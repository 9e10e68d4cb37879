"""One HTTP exchange on one connection in its two halves: the request is written in one piece, the answer read as it comes.

Both set the socket's time-out themselves. What is raised on the way is evidence, not an exception.
"""

from __future__ import annotations

import http.client
from dataclasses import dataclass

from urllib3.connection import HTTPSConnection

from engine_server.broker.angel_one.call import Call
from engine_server.broker.angel_one.evidence import Evidence, HttpRequest, describe_error

_MAX_BODY_BYTES = 32 * 1024 * 1024
_READ_BYTES = 256 * 1024


@dataclass(frozen=True)
class Answer:
    """What came back, and whether the connection can carry another request."""

    evidence: Evidence
    reusable: bool


def content_of(request: HttpRequest, host: str) -> bytes:
    """The request as it goes over the wire. Raises `ValueError` for a line break where none may be."""
    headers = {"Host": host, "Accept-Encoding": "identity", **request.headers}
    if request.body:
        headers["Content-Length"] = str(len(request.body))
    lines = [f"{request.method} {request.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a line break in the head of a request")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + request.body


def write(connection: HTTPSConnection, content: bytes, call: Call) -> Evidence | None:
    """All bytes of the request, handed to the kernel; None when that went well. Never blocks.

    An idle connection has room for a request many times over: where it has not, something is wrong with it.
    """
    sock = connection.sock
    if sock is None or not call.begin(sock):
        return Evidence(begun=False, failure="given up before it was sent")
    try:
        sock.settimeout(0)
        sock.sendall(content)
    except OSError as e:
        return Evidence(begun=True, failure=describe_error(e))
    return None


def read(connection: HTTPSConnection, call: Call) -> Answer:
    """The whole answer; blocks until it is there, fails, or its time is up."""
    try:
        if connection.sock is None:
            raise ConnectionResetError("the connection was closed")
        connection.sock.settimeout(call.remaining())
        return parsed(http.client.HTTPResponse(connection.sock))
    except (OSError, http.client.HTTPException) as e:
        return Answer(Evidence(begun=True, failure=describe_error(e)), reusable=False)


def parsed(response: http.client.HTTPResponse) -> Answer:
    """The answer that is read through `response`; raises what reading raises, and `HTTPException` for what is no whole answer."""
    response.begin()
    body = _read_body(response)
    date = response.headers.get("Date", "")
    return Answer(Evidence(True, response.status, body, server_date=date), reusable=not response.will_close)


def _read_body(response: http.client.HTTPResponse) -> bytes:
    """All of it; raises for an answer that ends before its announced length, or does not end."""
    body = bytearray()
    while part := response.read(_READ_BYTES):
        body += part
        if len(body) > _MAX_BODY_BYTES:
            raise http.client.HTTPException(f"the answer is longer than {_MAX_BODY_BYTES} bytes")
    if response.length:
        raise http.client.IncompleteRead(bytes(body), response.length)
    return bytes(body)
