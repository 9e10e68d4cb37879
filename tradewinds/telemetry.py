"""Logs and metrics of every process: structured JSON lines on stderr, Prometheus on /metrics.

Every line has an `action`; ids always go by the same names (order_id, config_id, account_id, runner_id). One processor
redacts: by key, and by value for everything that was registered as a secret.
"""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import MutableMapping
from functools import lru_cache
from typing import Any, ClassVar

import structlog
from prometheus_client import start_http_server

_SECRET_KEY = re.compile(
    r"(password|secret|token|totp|\bpin\b|api_key|authorization|jwt|credential|seal)", re.IGNORECASE
)
_URL_PASSWORD = re.compile(r"(?<=://)([^/@:\s]*):[^/@\s]+@")
_BEARER = re.compile(r"(?i)bearer\s+[\w.\-]+|eyJ[\w\-]+\.[\w\-]+\.[\w\-]*")
_MAY_HOLD_ONE = re.compile(r"(?i)://|bearer|eyj")  # for the many values that hold nothing
_REDACTED = "[redacted]"


@lru_cache(4_096)
def _is_secret(key: str) -> bool:
    return _SECRET_KEY.search(key) is not None


def _redact_text(text: str) -> str:
    return _BEARER.sub(_REDACTED, _URL_PASSWORD.sub(rf"\1:{_REDACTED}@", text))


def _redact_value(value: object) -> object:
    if isinstance(value, str):
        return _redact_text(value) if _MAY_HOLD_ONE.search(value) else value
    if isinstance(value, dict):
        return {key: _REDACTED if _is_secret(str(key)) else _redact_value(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_redact_value(item) for item in value]
    return value


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """structlog processor: no secret leaves in a log line, whatever key or text it hides in."""
    for key, value in event.items():
        event[key] = _REDACTED if _is_secret(key) else _redact_value(value)
    return event


def _drop_empty_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Our own lines say what they say in `action`; `event` is for the libraries'."""
    if not event.get("event"):
        event.pop("event", None)
    return event


def configure_logging(service: str, level: str) -> None:
    """Send everything, the libraries' logging included, through structlog as JSON lines on stderr."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        # Without local variables: frames of a login hold its PIN, whatever their names are.
        structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
        redact,
    ]
    structlog.configure(
        processors=[*shared, _drop_empty_event, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    Log.bind()
    structlog.contextvars.bind_contextvars(service=service)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.EventRenamer("event"),
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def get_logger(action_prefix: str) -> Log:
    """The one log helper: `log.info("lease.renewed", runner_id=…)` writes action `prefix.lease.renewed`."""
    return Log(action_prefix)


class Log:
    """Writes structured lines whose `action` begins with a fixed prefix.

    DEBUG: flow; INFO: life-cycle and money; WARNING: degraded but safe; ERROR: somebody must look.
    """

    _logger: ClassVar[Any] = structlog.get_logger()

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._last_warning: dict[str, float] = {}

    @classmethod
    def bind(cls) -> None:
        """Take what is configured now: structlog's own proxy would make itself a logger for every line."""
        cls._logger = structlog.get_logger().bind()

    def debug(self, action: str, **fields: object) -> None:
        """Flow."""
        self._logger.debug("", action=f"{self._prefix}.{action}", **fields)

    def info(self, action: str, **fields: object) -> None:
        """Life-cycle and money."""
        self._logger.info("", action=f"{self._prefix}.{action}", **fields)

    def warning(self, action: str, **fields: object) -> None:
        """Degraded but safe."""
        self._logger.warning("", action=f"{self._prefix}.{action}", **fields)

    def error(self, action: str, **fields: object) -> None:
        """Somebody must look. Pass `exc_info=True` inside an `except`."""
        self._logger.error("", action=f"{self._prefix}.{action}", **fields)

    def warning_throttled(self, action: str, seconds: float = 5.0, **fields: object) -> None:
        """A warning that repeats: at most one line per action every `seconds`."""
        now = time.monotonic()
        if now - self._last_warning.get(action, -seconds) >= seconds:
            self._last_warning[action] = now
            self.warning(action, **fields)


def serve_metrics(host: str, port: int) -> int:
    """Serve /metrics on its own daemon thread; returns the bound port (`port` 0 takes any)."""
    server, _thread = start_http_server(port, addr=host)
    return int(server.server_port)
