"""Opening a way through a SOCKS proxy, with socksio's messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from socksio import ProtocolError, socks5

from reconnecting_sse.core.errors import shortened
from reconnecting_sse.transports.http1.faults import MalformedError
from reconnecting_sse.transports.ways.refusals import (
    ProxyRefused,
    closed,
    not_understood,
)

if TYPE_CHECKING:
    from reconnecting_sse.transports.ways.route import Route
    from reconnecting_sse.transports.ways.steps import Steps

_LOGIN = socks5.SOCKS5AuthMethod


class Arrived:
    """What has come and was not looked at yet."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self.rest: bytes = b""

    def exactly(self, count: int) -> Steps[bytes]:
        """The next so many bytes."""
        while len(self.rest) < count:
            data = yield None
            if not data:
                raise closed(self._route)
            self.rest += data
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken


def by_socks(route: Route, target: str) -> Steps[bytes]:
    """The steps of SOCKS 5 that open the way to ``target``; what has come behind."""
    arrived = Arrived(route)
    # socksio's replies are of one type or another, as its state has it.
    connection: Any = socks5.SOCKS5Connection()
    try:
        yield from _log_in(route, connection, arrived)
        address = target, route.target[1]
        connection.send(
            socks5.SOCKS5CommandRequest.from_address(
                socks5.SOCKS5Command.CONNECT, address
            )
        )
        yield connection.data_to_send()
        reply = connection.receive_data((yield from _reply(arrived)))
    except ProtocolError as error:
        raise not_understood(route) from MalformedError(str(error))
    if reply.reply_code is not socks5.SOCKS5ReplyCode.SUCCEEDED:
        said = reply.reply_code.name.lower().replace("_", " ")
        raise ProxyRefused(
            f"{route.first_hop} refused to connect to {shortened(route.origin)}: {said}"
        )
    return arrived.rest


def _log_in(route: Route, connection: Any, arrived: Arrived) -> Steps[None]:
    assert route.proxy is not None
    username, password = route.proxy.username, route.proxy.password
    methods = [_LOGIN.NO_AUTH_REQUIRED]
    if username:
        methods.append(_LOGIN.USERNAME_PASSWORD)
    connection.send(socks5.SOCKS5AuthMethodsRequest(methods))
    yield connection.data_to_send()
    chosen = connection.receive_data((yield from arrived.exactly(2))).method
    if chosen not in methods:
        raise ProxyRefused(
            f"{route.first_hop} accepted no login that was offered; are there"
            " credentials in the proxy's URL?"
        )
    if chosen is _LOGIN.USERNAME_PASSWORD:
        connection.send(socks5.SOCKS5UsernamePasswordRequest(username, password))
        yield connection.data_to_send()
        if not connection.receive_data((yield from arrived.exactly(2))).success:
            raise ProxyRefused(
                f"{route.first_hop} did not accept the credentials in the proxy's URL"
            )


def _reply(arrived: Arrived) -> Steps[bytes]:
    # RFC 1928, section 6: four bytes, an address whose kind the last one tells, a port.
    head = yield from arrived.exactly(4)
    if head[:2] != b"\x05\x00":
        # Not every proxy sends more when it refuses.
        return head[:3] + b"\x01" + bytes(4 + 2)
    match head[3]:
        case 1:
            rest = yield from arrived.exactly(4 + 2)
        case 4:
            rest = yield from arrived.exactly(16 + 2)
        case 3:
            length = yield from arrived.exactly(1)
            rest = length + (yield from arrived.exactly(length[0] + 2))
        case _:
            rest = b""
    return head + rest
