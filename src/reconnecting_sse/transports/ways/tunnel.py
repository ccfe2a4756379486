"""Opening a way through a proxy: what to send and what to expect, without a socket."""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import TYPE_CHECKING

import httpxr

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import NoReturn

    from reconnecting_sse.transports.ways.route import Route

    Step = Callable[[bytes | None], bytes]
    AsyncStep = Callable[[bytes | None], Awaitable[bytes]]

Steps = Generator[bytes | None, bytes, None]
"""Yields bytes to send, or None to be given what has come; ``b""`` is the end."""

_HEAD_LIMIT = 65536
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_STATUS_LINE = re.compile(rb"HTTP/1\.[0-9] ([1-9][0-9]{2})(?: ([^\r\n]{0,80}))?")
_UNPRINTABLE = re.compile(rb"[^\x20-\x7e]+")

_OK, _REDIRECTION = 200, 300
_LOGIN_REQUIRED = 407


class ProxyRefused(httpxr.ProxyError):
    """A proxy answered, and does not open the way.

    Attributes:
        status: Its HTTP status; None from a SOCKS proxy.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


def refuse_login(route: Route, status: int) -> None:
    """Raise for an answer that can only be the forwarding proxy's own."""
    if route.is_forwarded and status == _LOGIN_REQUIRED:
        _refuse(route, status, b"Proxy Authentication Required")


def _refuse(route: Route, status: int, reason: bytes) -> NoReturn:
    said = f"{status} {_UNPRINTABLE.sub(b' ', reason).decode('ascii')}".strip()
    advice = "does it allow this host and port?"
    if status == _LOGIN_REQUIRED:
        advice = "are there credentials in the proxy's URL, and the right ones?"
    raise ProxyRefused(
        f"{route.first_hop} refused to connect to {route.origin}: {said}; {advice}",
        status,
    )


def run(steps: Steps, step: Step) -> None:
    """Make each step."""
    wanted = next(steps)
    while True:
        answer = step(wanted)
        try:
            wanted = steps.send(answer)
        except StopIteration:
            return


async def run_async(steps: Steps, step: AsyncStep) -> None:
    """The same for asyncio."""
    wanted = next(steps)
    while True:
        answer = await step(wanted)
        try:
            wanted = steps.send(answer)
        except StopIteration:
            return


def opened(route: Route, target: str) -> Steps:
    """The steps that open the way to ``target``, the origin's name or address.

    Raises:
        httpxr.ProxyError: The proxy does not.
    """
    arrived = Arrived(route)
    assert route.proxy is not None
    if route.proxy.is_socks:
        # An extra's.
        from reconnecting_sse.transports.ways.socks import by_socks  # noqa: PLC0415

        yield from by_socks(route, target, arrived)
    else:
        yield from _by_connect(route, arrived)
    if arrived.data:
        raise not_understood(route)


class Arrived:
    """What has come and was not looked at yet."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self.data = b""

    def more(self) -> Steps:
        data = yield None
        if not data:
            raise httpxr.ProxyError(
                f"{self._route.first_hop} closed the connection instead of opening one"
                f" to {self._route.origin}; does it allow this host and port?"
            )
        self.data += data

    def exactly(self, count: int) -> Generator[bytes | None, bytes, bytes]:
        while len(self.data) < count:
            yield from self.more()
        taken, self.data = self.data[:count], self.data[count:]
        return taken

    def head(self) -> Generator[bytes | None, bytes, bytes]:
        while (end := _HEAD_END.search(self.data)) is None:
            if len(self.data) > _HEAD_LIMIT:
                raise not_understood(self._route)
            yield from self.more()
        taken, self.data = self.data[: end.start()], self.data[end.end() :]
        return taken


def not_understood(route: Route) -> httpxr.ProxyError:
    assert route.proxy is not None
    return httpxr.ProxyError(
        f"{route.first_hop} did not answer as a proxy should; does it speak"
        f" {route.proxy.scheme}?"
    )


def _by_connect(route: Route, arrived: Arrived) -> Steps:
    # RFC 9110, section 9.3.6.
    assert route.proxy is not None
    lines = [f"CONNECT {route.origin} HTTP/1.1", f"Host: {route.origin}"]
    fields = [b"%s: %s" % field for field in route.proxy.fields]
    yield b"\r\n".join([*(line.encode() for line in lines), *fields, b"", b""])
    status, reason = 100, b""
    while status < _OK:
        match = _STATUS_LINE.match((yield from arrived.head()))
        if match is None:
            raise not_understood(route)
        status, reason = int(match[1]), match[2] or b""
    if status >= _REDIRECTION:
        _refuse(route, status, reason)
