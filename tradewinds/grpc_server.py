"""The gRPC server and channel that every service uses: one interceptor for auth, errors, deadlines and metrics.

A server takes as many pings as come. It would cut off (GOAWAY "too_many_pings") whoever sends three within its minimum interval, and
counts by when it reads them: those that piled up while it was frozen are read at once. Only our own services and the gateway reach it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Container, Sequence
from functools import cache
from typing import Any, Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio
from grpc_reflection.v1alpha import reflection
from prometheus_client import Histogram

from tradewinds import auth, errors
from tradewinds.telemetry import get_logger

log = get_logger("rpc")

_SERVER_OPTIONS: Final = (
    ("grpc.so_reuseport", 0),  # two servers must never share a port silently
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),  # without it a frozen peer is noticed only after a minute
)
_CHANNEL_OPTIONS: Final = (
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.enable_http_proxy", 0),
)

_LATENCY = Histogram(
    "tradewinds_rpc_seconds",
    "Time to serve one rpc (streams: their whole life)",
    ["method", "code"],
    buckets=(0.001, 0.002, 0.004, 0.008, 0.016, 0.05, 0.25, 1, 5, 30),
)

Handler = Any  # grpc ships no types


class EdgeInterceptor(grpc.aio.ServerInterceptor):
    """The one door: authenticates, authorises by the method table, maps errors to rich statuses, measures."""

    def __init__(
        self, verifier: auth.TokenVerifier | None, is_passing: Callable[[Exception], bool], as_bytes: Container[str]
    ) -> None:
        self._verifier = verifier
        self._is_passing = is_passing
        self._as_bytes = as_bytes
        # A method's handler stays the same: it is wrapped once, and not for every call.
        self._wrapped: dict[str, Handler] = {}

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Handler]], details: Any) -> Handler:
        """Wrap whichever of the four kinds of handler this method has."""
        method = details.method
        if (known := self._wrapped.get(method)) is not None:
            return known
        handler = await continuation(details)
        if handler is None:
            return None
        wrap = self._streaming if handler.response_streaming else self._unary
        deserialize = None if method in self._as_bytes else handler.request_deserializer
        self._wrapped[method] = _rebuild(handler, wrap(_inner(handler), method), deserialize)
        return self._wrapped[method]

    def _enter(self, method: str, context: Any) -> None:
        if auth.METHOD_ROLES.get(method) == auth.PUBLIC:
            return
        if self._verifier is None:
            raise errors.PermissionDeniedError(f"{method}: this server answers probes only")
        caller = self._verifier.verify_header(dict(context.invocation_metadata() or ()).get("authorization"))
        auth.authorize(method, caller)
        auth.set_principal(caller)

    def _unary(self, inner: Any, method: str) -> Any:
        async def call(request: Any, context: Any) -> Any:
            started = time.perf_counter()
            try:
                self._enter(method, context)
                response = await inner(request, context)
            except errors.TradewindsError as e:
                _observe(method, e.code.name, started)
                await errors.abort(context, e)
            except (grpc.aio.AbortError, asyncio.CancelledError):
                _observe(method, "CANCELLED", started)
                raise
            except Exception as e:
                await self._failed(context, method, started, e)
            else:
                _observe(method, "OK", started)
                return response

        return call

    def _streaming(self, inner: Any, method: str) -> Any:
        async def call(request: Any, context: Any) -> AsyncIterator[Any]:
            started = time.perf_counter()
            try:
                self._enter(method, context)
                async for response in inner(request, context):
                    yield response
                _observe(method, "OK", started)
            except errors.TradewindsError as e:
                _observe(method, e.code.name, started)
                await errors.abort(context, e)
            except (grpc.aio.AbortError, asyncio.CancelledError, GeneratorExit):
                _observe(method, "CANCELLED", started)
                raise
            except Exception as e:
                await self._failed(context, method, started, e)

        return call

    async def _failed(self, context: Any, method: str, started: float, error: Exception) -> None:
        """Something that passes by itself is UNAVAILABLE, so that callers try again; the rest is a defect, and tells nothing."""
        if isinstance(error, NotImplementedError):  # the generated base class of a servicer
            _observe(method, "UNIMPLEMENTED", started)
            await errors.abort(context, errors.NotBuiltError(f"{method} is not there yet"))
        if self._is_passing(error):
            log.warning_throttled("unavailable", method=method, error=repr(error))
            _observe(method, "UNAVAILABLE", started)
            await errors.abort(context, errors.UnavailableError("a store is away or busy; try again"))
        log.error("failed", method=method, exc_info=error)
        _observe(method, "INTERNAL", started)
        await errors.abort(
            context, errors.TradewindsError("an internal error happened; the service's log has the details")
        )


def _observe(method: str, code: str, started: float) -> None:
    _latency_of(method, code).observe(time.perf_counter() - started)


@cache
def _latency_of(method: str, code: str) -> Any:
    return _LATENCY.labels(method, code)


def _inner(handler: Handler) -> Any:
    return handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream


def _rebuild(handler: Handler, wrapped: Any, deserialize: Callable[[bytes], Any] | None) -> Handler:
    factory = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }[(handler.request_streaming, handler.response_streaming)]
    return factory(
        wrapped,
        request_deserializer=deserialize,
        response_serializer=_serializer(handler.response_serializer),
    )


def _serializer(serialize: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    """Bytes pass as they are: a servicer whose answer is put together from serialised parts need not take them apart again."""
    return lambda response: response if isinstance(response, bytes) else serialize(response)


class GrpcServer:
    """A grpc.aio server with the interceptor, health and reflection; handlers are added before `start`.

    Without a verifier it serves health and reflection alone, for processes that offer no rpc of their own. `is_passing` knows the
    errors of the service's stores that pass by themselves; to the methods `as_bytes` requests are given as the bytes that came.
    """

    def __init__(
        self,
        verifier: auth.TokenVerifier | None = None,
        is_passing: Callable[[Exception], bool] = lambda error: False,
        as_bytes: Container[str] = (),
    ) -> None:
        edge = EdgeInterceptor(verifier, is_passing, as_bytes)
        self.server = grpc.aio.server(interceptors=[edge], options=_SERVER_OPTIONS)
        # For registered methods grpc.aio keeps a task each, and gives all of them to `asyncio.wait` anew for every call: with the 40 of
        # a service of ours that took longer than the rest of a short call. Without registration they are found by name.
        self.server.add_registered_method_handlers = _register_none
        self._health = health_aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self.server)

    async def start(self, host: str, port: int, services: Sequence[str]) -> str:
        """Bind and serve; returns the address `host:port`. Raises `ConfigurationError` where the port is taken."""
        names = (*services, "grpc.health.v1.Health", reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self.server)
        try:
            bound = self.server.add_insecure_port(f"{host}:{port}")
        except RuntimeError as e:
            raise errors.ConfigurationError(f"GRPC_PORT: {host}:{port} cannot be bound; is it in use? ({e})") from e
        await self.server.start()
        await self._health.set("", health_pb2.HealthCheckResponse.SERVING)
        for service in services:
            await self._health.set(service, health_pb2.HealthCheckResponse.SERVING)
        return f"{host}:{bound}"

    async def stop(self, grace_seconds: float = 2.0) -> None:
        """Readiness off first, then refuse new calls, then wait at most `grace_seconds` for running ones."""
        await self._health.enter_graceful_shutdown()
        await self.server.stop(grace_seconds)


def _register_none(_service: str, _handlers: Any) -> None:
    """In the place of a server's method that the generated code calls."""


def open_channel(address: str) -> Any:
    """A channel to another service, which reconnects by itself; the caller closes it."""
    return grpc.aio.insecure_channel(address, options=_CHANNEL_OPTIONS)
