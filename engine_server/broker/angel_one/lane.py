"""Threads and connections of their own for one kind of request: a slow read never delays an order."""

from __future__ import annotations

import asyncio
import http.client
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from prometheus_client import Histogram
from urllib3.connection import HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.response import HTTPResponse

from engine_server.broker.angel_one.call import Call
from engine_server.broker.angel_one.client import AngelOneClient
from engine_server.broker.angel_one.connections import Connections
from engine_server.broker.angel_one.evidence import Evidence, HttpRequest, describe_error
from tradewinds.telemetry import get_logger

log = get_logger("broker")

_MAX_WAITING = 64  # at nine orders a second, seven seconds of a broker that answers nothing
_MAX_BODY_BYTES = 32 * 1024 * 1024
_READ_BYTES = 256 * 1024

# Of its deadline, a request may spend two sevenths before it begins: later it would be stale, and sent in the last
# instant it could only become unknown.
_BEGIN_SHARE = 2 / 7

_SECONDS = Histogram(
    "tradewinds_broker_request_seconds",
    "One request to the broker, the wait for a thread included, by what is known after it",
    ["lane", "evidence"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 8),
)

AskClient = Callable[[AngelOneClient], dict[str, Any]]


class Lane:
    """`ask` runs one method of the official client in a thread, under one deadline for everything."""

    def __init__(self, name: str, connections: Connections, threads: int, deadline_seconds: float) -> None:
        self._name = name
        self._connections = connections
        self._deadline_seconds = deadline_seconds
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=f"broker-{name}")
        # Handshakes of the keeper must not hold up a request.
        self._keeper_thread = ThreadPoolExecutor(1, thread_name_prefix=f"broker-{name}-keeper")
        self._waiting = 0
        self._closed = False

    async def ask(self, api_key: str, access_token: str, method: AskClient) -> Evidence:
        """One request, once. Cancelling it gives it up: what has not begun by then is never sent."""
        if self._closed or self._waiting >= _MAX_WAITING:
            why = "the broker connection is closed" if self._closed else f"{_MAX_WAITING} requests wait for the broker"
            return Evidence(begun=False, failure=why)
        started = time.perf_counter()
        call = Call(self._deadline_seconds * _BEGIN_SHARE, self._deadline_seconds)
        client = AngelOneClient(api_key, access_token, partial(self._exchange, call))
        evidence = await self._run(call, partial(method, client))
        known = "answered" if evidence.http_status else "unanswered" if evidence.begun else "not_sent"
        _SECONDS.labels(self._name, known).observe(time.perf_counter() - started)
        return evidence

    async def refresh(self) -> None:
        """Warm up: replace stale connections and open missing ones; raises what connecting raises."""
        await asyncio.get_running_loop().run_in_executor(self._keeper_thread, self._connections.refresh)

    def close(self) -> None:
        """Refuse new requests and let go; running ones end by their own deadline."""
        self._closed = True
        self._threads.shutdown(wait=False)
        self._keeper_thread.shutdown(wait=False)
        self._connections.close()

    async def _run(self, call: Call, method: Callable[[], dict[str, Any]]) -> Evidence:
        future = asyncio.get_running_loop().run_in_executor(self._threads, _evidence_of, call, method)
        self._waiting += 1
        future.add_done_callback(self._no_longer_waiting)
        try:
            await asyncio.wait({future}, timeout=call.until_begin())
            if not future.done() and call.abandon_unless_begun():
                await asyncio.wait({future}, timeout=call.remaining())
        except asyncio.CancelledError:
            call.abandon()
            raise
        if future.done():
            return future.result()
        begun = call.abandon()
        return Evidence(
            begun=begun, failure="no whole answer in time" if begun else "no connection to send it on in time"
        )

    def _no_longer_waiting(self, _future: asyncio.Future[Evidence]) -> None:
        self._waiting -= 1

    def _exchange(self, call: Call, request: HttpRequest) -> Evidence:
        """In a thread: connect, then send once, then read."""
        try:
            connection = self._connections.take(call.until_begin())
        except Exception as e:  # whatever it was: the request did not exist on any wire yet
            return Evidence(begun=False, failure=describe_error(e))
        reusable = False
        try:
            if connection.sock is None or not call.begin(connection.sock):
                reusable = True
                return Evidence(begun=False, failure="given up before it was sent")
            evidence = _send(connection, request, call)
            reusable = call.end() and evidence.http_status != 0
            return evidence
        finally:
            self._connections.give_back(connection, reusable=reusable)


def _evidence_of(call: Call, method: Callable[[], dict[str, Any]]) -> Evidence:
    try:
        evidence = method()["evidence"]
    except Exception as e:
        # A fault of ours or of the official client, after which the request may well have gone out.
        log.error("request.failed", error=repr(e), exc_info=True)
        return Evidence(begun=call.begun, failure=describe_error(e))
    return evidence if isinstance(evidence, Evidence) else Evidence(begun=call.begun, failure="no evidence")


def _send(connection: HTTPSConnection, request: HttpRequest, call: Call) -> Evidence:
    try:
        connection.timeout = call.remaining()
        connection.request(
            request.method,
            request.path,
            body=request.body or None,
            headers=request.headers,
            preload_content=False,
            decode_content=False,
        )
        response = connection.getresponse()
        body = _read_body(response)
    except (OSError, HTTPError, http.client.HTTPException) as e:
        return Evidence(begun=True, failure=describe_error(e))
    return Evidence(begun=True, http_status=response.status, body=body, server_date=response.headers.get("Date", ""))


def _read_body(response: HTTPResponse) -> bytes:
    """All of it; raises for an answer that ends before its announced length, or does not end."""
    body = bytearray()
    while part := response.read(_READ_BYTES):
        body += part
        if len(body) > _MAX_BODY_BYTES:
            raise HTTPError(f"the answer is longer than {_MAX_BODY_BYTES} bytes")
    return bytes(body)
