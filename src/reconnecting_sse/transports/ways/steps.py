"""A conversation without a socket: what is sent and what is awaited, in order."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, TypeVar

_Result = TypeVar("_Result")

# As getaddrinfo gives it: family, kind, protocol, name, and what connect() takes.
Address = tuple[Any, Any, int, str, Any]


@dataclass(frozen=True, slots=True)
class Within:
    """What follows has so many seconds, all together; None is for ever."""

    seconds: float | None


@dataclass(frozen=True, slots=True)
class Resolve:
    """The addresses of a host are wanted."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Dial:
    """One of the addresses is to be connected to."""

    addresses: list[Address]


Step = bytes | None | Within | Resolve | Dial
Steps = Generator[bytes | None, bytes, _Result]
"""Yields bytes to send, or None to be given what has come; ``b""`` is the end.

What is sent in answer to bytes to send does not matter. Whoever runs the steps throws
the OSError of a failed send or read in: some are best effort.
"""

AllSteps = Generator[Step, Any, _Result]
"""The same from the very beginning, when there is no connection yet."""
