"""Connections, and threads that wait on them, for one kind of request: a slow read never delays an order.

A request is sent from the event loop itself, on a warm connection: a thread that had to send it would get the interpreter only
milliseconds later. Threads connect where nothing is warm, and wait for answers that may be long.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

from prometheus_client import Histogram
from urllib3.connection import HTTPSConnection

from engine_server.broker.angel_one.call import Call
from engine_server.broker.angel_one.client import AskClient, request_of
from engine_server.broker.angel_one.connections import Connections
from engine_server.broker.angel_one.evidence import Evidence, describe_error
from engine_server.broker.angel_one.exchange import content_of, read, write
from engine_server.broker.angel_one.receiving import receive
from tradewinds.telemetry import get_logger

log = get_logger("broker")

_MAX_WAITING = 64

# Of its deadline, a request may spend two sevenths before it begins: later it would be stale, and sent in the last
# instant it could only become unknown.
_BEGIN_SHARE = 2 / 7

_SECONDS = Histogram(
    "tradewinds_broker_request_seconds",
    "One request to the broker, the wait for a thread included, by what is known after it",
    ["lane", "evidence"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 8),
)


class Lane:
    """`ask` sends what one method of the official client would, under one deadline for everything."""

    def __init__(
        self,
        name: str,
        connections: Connections,
        threads: int,
        deadline_seconds: float,
        *,
        max_waiting: int = _MAX_WAITING,
        answers_are_short: bool = False,
    ) -> None:
        """Short answers are read by the event loop; what is long is read and put together in a thread."""
        self._name = name
        self._connections = connections
        self._deadline_seconds = deadline_seconds
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=f"broker-{name}")
        # Handshakes of the keeper must not hold up a request.
        self._keeper_thread = ThreadPoolExecutor(1, thread_name_prefix=f"broker-{name}-keeper")
        self._max_waiting = max_waiting
        self._answers_are_short = answers_are_short
        self._waiting = 0
        self._closed = False

    def content_of(self, api_key: str, access_token: str, method: AskClient) -> bytes:
        """The request as it goes over the wire; nothing is sent here."""
        return content_of(request_of(api_key, access_token, method), self._connections.host)

    async def ask(self, api_key: str, access_token: str, method: AskClient) -> Evidence:
        """One request, once. Cancelling it gives it up: what has not begun by then is never sent."""
        try:
            content = self.content_of(api_key, access_token, method)
        except Exception as e:
            log.error("request.not_made", error=repr(e), exc_info=True)
            return Evidence(begun=False, failure=describe_error(e))
        return await self.send(content)

    async def send(self, content: bytes) -> Evidence:
        """As `ask`, of a request that is made already."""
        if self._closed or self._waiting >= self._max_waiting:
            why = "is closed" if self._closed else f"has {self._max_waiting} requests waiting"
            return Evidence(begun=False, failure=f"the broker connection {why}")
        started = time.perf_counter()
        call = Call(self._deadline_seconds * _BEGIN_SHARE, self._deadline_seconds)
        evidence = await self._run(call, content)
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

    async def _run(self, call: Call, content: bytes) -> Evidence:
        warm = self._connections.take_warm()
        if warm is not None and (failed := write(warm, content, call)) is not None:
            self._connections.give_back(warm, reusable=not failed.begun)
            return failed
        if warm is not None and self._answers_are_short:
            return await self._received(call, warm)
        future = asyncio.get_running_loop().run_in_executor(self._threads, self._evidence_of, call, content, warm)
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

    async def _received(self, call: Call, connection: HTTPSConnection) -> Evidence:
        """The answer to what was sent on it."""
        self._waiting += 1
        reusable = False
        try:
            async with asyncio.timeout(call.remaining()):
                answer = await receive(connection)
            reusable = call.end() and answer.reusable
        except TimeoutError:
            return Evidence(begun=True, failure="no whole answer in time")
        except Exception as e:  # a fault of ours: the request has gone out
            log.error("request.failed", error=repr(e), exc_info=True)
            return Evidence(begun=True, failure=describe_error(e))
        finally:
            self._waiting -= 1
            self._connections.give_back(connection, reusable=reusable)
        return answer.evidence

    def _no_longer_waiting(self, _future: asyncio.Future[Evidence]) -> None:
        self._waiting -= 1

    def _evidence_of(self, call: Call, content: bytes, sent_on: HTTPSConnection | None) -> Evidence:
        try:
            return self._exchange(call, content, sent_on)
        except Exception as e:  # a fault of ours, after which the request may well have gone out
            log.error("request.failed", error=repr(e), exc_info=True)
            return Evidence(begun=call.begun, failure=describe_error(e))

    def _exchange(self, call: Call, content: bytes, sent_on: HTTPSConnection | None) -> Evidence:
        """In a thread: connect and send where that is not done yet, then read."""
        try:
            connection = sent_on or self._connections.take(call.until_begin())
        except Exception as e:  # whatever it was: the request did not exist on any wire yet
            return Evidence(begun=False, failure=describe_error(e))
        reusable = False
        try:
            failed = write(connection, content, call) if sent_on is None else None
            if failed is not None:
                reusable = not failed.begun
                return failed
            answer = read(connection, call)
            reusable = call.end() and answer.reusable
            return answer.evidence
        finally:
            self._connections.give_back(connection, reusable=reusable)
