"""Logs as JSON lines, through the standard library."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Final, TextIO

LEVELS: Final = ("debug", "info", "warning", "error")
_LOGGERS: Final = ("memkit", "uvicorn.error")


class JsonLines(logging.Formatter):
    """A record as one line of JSON: when, how grave, what, and what is known of the request."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        told: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "memkit", {}),
        }
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        # Escaped, so that nothing a client sent can drive a terminal.
        return json.dumps(told, default=str)


def log_to(stream: TextIO | None = None, level: str = "info") -> None:
    """Write the server's logs to a stream; for the process's main program.

    Args:
        stream: by default stderr.
        level: the least that is written: ``debug``, ``info``, ``warning`` or ``error``.
    """
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(JsonLines())
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(level.upper())
        logger.propagate = False
