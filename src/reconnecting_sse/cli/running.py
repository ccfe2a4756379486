"""What the commands that run workers have in common: a log, and the last way out."""

from __future__ import annotations

import os
import sys
from typing import Any, NoReturn

from reconnecting_sse.cli.report import as_objects, everything, facts

LATE = 4
"""The exit status where a handler did not end in time."""


def logger_of(form: str, *, is_verbose: bool, feed: str = "") -> Any:
    """A logger to stderr, for reading or for programs; of one feed, where it is named.

    Args:
        form: "text", "json", or "auto": JSON where stderr is no terminal.
        is_verbose: Whether details are logged, too.
        feed: What each line is about.
    """
    is_read = sys.stderr.isatty() if form == "auto" else form == "text"
    about = {"feed": feed} if feed else {}
    if not is_read:
        return as_objects(is_verbose=is_verbose).bind(**about)
    return everything().bind(**about) if is_verbose else facts(feed)


def telemetry() -> Any:
    """By OpenTelemetry, where its API is installed: an SDK decides what is kept."""
    try:
        from reconnecting_sse.workers.telemetry import Telemetry  # noqa: PLC0415
    except ModuleNotFoundError:
        return None
    return Telemetry()


def leave(status: int) -> NoReturn:
    """End the process, whatever a handler is at."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
