"""A conversation without a socket: what is sent and what is awaited, in order."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

_Result = TypeVar("_Result")

Steps = Generator[bytes | None, bytes, _Result]
"""Yields bytes to send, or None to be given what has come; ``b""`` is the end.

What is sent in answer to bytes to send does not matter. Whoever runs the steps throws
the OSError of a failed send or read in: some are best effort.
"""
