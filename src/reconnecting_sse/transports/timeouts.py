"""The timeouts a request carries, in each form that httpxr lets through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import httpxr

if TYPE_CHECKING:
    from typing import Self


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds; None is for ever.

    Attributes:
        connect: Until the connection stands, name resolution and TLS included.
        headers: From then until the response's headers are complete: a deadline.
        read: The longest silence within the body.
    """

    connect: float | None = 10.0
    headers: float | None = 30.0
    read: float | None = None

    @classmethod
    def of(cls, request: httpxr.Request) -> Self:
        """What ``request.extensions["timeout"]`` says; the defaults without it."""
        # httpxr's stubs do not know the attribute.
        given = cast("Any", request).extensions.get("timeout")
        return cls() if given is None else cls.from_httpx(given)

    @classmethod
    def from_httpx(cls, given: Any) -> Self:
        """httpx's meaning of a number, a 4-tuple, a ``Timeout`` or a mapping.

        httpx knows no deadline for headers: there its read timeout serves, unless a
        mapping names ``headers`` itself.
        """
        if isinstance(given, Mapping):
            read = given.get("read")
            return cls(given.get("connect"), given.get("headers", read), read)
        if isinstance(given, tuple):
            connect, read = (*given, None, None)[:2]
            return cls(connect, read, read)
        if isinstance(given, httpxr.Timeout):
            return cls(given.connect, given.read, given.read)
        return cls(given, given, given)

    def as_extension(self) -> dict[str, float | None]:
        """The mapping for ``request.extensions``; foreign transports know it too."""
        return {
            "connect": self.connect,
            "read": self.read,
            "write": self.headers,
            "pool": self.connect,
            "headers": self.headers,
        }
