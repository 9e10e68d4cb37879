"""Log lines as JSON, of the shape that every process here writes."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime


class JsonLines(logging.Formatter):
    """One JSON object a line: what, how bad, where, when, and the facts given in `extra={"facts": {…}}`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = {
            "action": record.getMessage(),
            **getattr(record, "facts", {}),
            "service": "sandbox",
            "level": record.levelname.lower(),
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z"),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def configure() -> None:
    """Everything from INFO up, to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
