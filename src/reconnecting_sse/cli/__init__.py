"""The command line: it may know everything below it, and nothing imports it."""

from __future__ import annotations

from reconnecting_sse.cli.program import commands, main

__all__ = ["commands", "main"]
