"""One request of an exchange, and what of the caller's it may still carry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import httpxr

from reconnecting_sse.core.headers import (
    is_httpxr_agent,
    is_httpxr_default,
    is_token,
    merged,
    named,
    without,
)
from reconnecting_sse.exchange.auth import auth_of, flow_of
from reconnecting_sse.exchange.request import fields_of
from reconnecting_sse.exchange.urls import named_origin, origin, url_of
from reconnecting_sse.transports.host import host_of
from reconnecting_sse.transports.http1.fields import check_fields
from reconnecting_sse.transports.ways.route import SNI_HOSTNAME

if TYPE_CHECKING:
    from reconnecting_sse.core.headers import Fields
    from reconnecting_sse.exchange.client import ClientSettings, Transports
    from reconnecting_sse.exchange.request import StreamRequest
    from reconnecting_sse.exchange.urls import Origin


@dataclass(frozen=True, slots=True)
class Hop:
    """One request, and whether the caller's secrets may travel with it.

    Attributes:
        own: The headers that are ours: they travel anywhere.
        private: The caller's and the client's: they stay with those he trusts.
        content: The body, None for none; its type is among the headers.
        home: The origin that was asked for.
        trusted: The other origins that may have it all.
        strangers: Those a redirect has led to that may not: from the first one on
            nothing private travels any more.
        number: How many redirects have led here.
    """

    method: str
    url: httpxr.URL
    own: Fields
    private: Fields
    content: bytes | None
    home: Origin
    trusted: frozenset[Origin]
    strangers: tuple[Origin, ...] = ()
    number: int = 0

    @property
    def is_trusted(self) -> bool:
        """Whether the caller's secrets may travel with it."""
        return not self.strangers

    @property
    def has_private(self) -> bool:
        """Whether there is a header to be left behind."""
        return bool(_without_content(self.private))

    def is_home(self, url: httpxr.URL) -> bool:
        """Whether the URL is of the origin that was asked for."""
        return origin(url) == self.home

    def build(self, extensions: Mapping[str, Any]) -> httpxr.Request:
        """The httpxr request, with what it may have of the extensions."""
        # httpxr's own Host lacks the brackets of an IPv6 address.
        host = [(b"Host", host_of(self.url))]
        return httpxr.Request(
            self.method,
            cast("Any", self.url).copy_with(userinfo=b"", fragment=None),
            headers=cast("Any", merged(host, self.own, self._travelling())),
            extensions=self.extensions(extensions, self.url),
            content=self.content,
        )

    def extensions(self, given: Mapping[str, Any], url: httpxr.URL) -> dict[str, Any]:
        """Those given that a request to the URL may have: a name is of one origin."""
        is_home = self.is_home(url)
        return {n: v for n, v in given.items() if is_home or n != SNI_HOSTNAME}

    def _travelling(self) -> Fields:
        if self.is_trusted:
            # The name that a server is asked by is of one origin, too.
            is_home = self.is_home(self.url)
            return self.private if is_home else without(self.private, b"Host")
        has_body = self.content is not None
        return named(self.private, b"Content-Type") if has_body else []

    @property
    def cookies(self) -> Fields:
        """The caller's own Cookie headers, as far as they may travel."""
        return named(self._travelling(), b"Cookie")

    def redirected(self, status: int, target: httpxr.URL) -> Hop:
        """The next hop: a fresh GET where the standard says so (Fetch, 4.4)."""
        becomes_get = (status in (301, 302) and self.method == "POST") or (
            status == 303 and self.method not in ("GET", "HEAD")  # noqa: PLR2004
        )
        hop = replace(self, url=target, number=self.number + 1)
        if origin(target) not in {self.home, *self.trusted, *self.strangers}:
            hop = replace(hop, strangers=(*self.strangers, origin(target)))
        if not becomes_get:
            return hop
        own, private = _without_content(self.own), _without_content(self.private)
        return replace(hop, method="GET", content=None, own=own, private=private)


def _without_content(fields: Fields) -> Fields:
    return [p for p in fields if not p[0].lower().startswith(b"content-")]


def check(
    request: StreamRequest,
    client: ClientSettings,
    transports: Transports,
    *,
    is_async: bool,
) -> None:
    """Refuse what could never be sent, before anybody waits for it.

    Raises:
        ImpossibleURL: Nobody can be asked for its URL.
        ValueError: The client cannot be used for it.
        httpxr.LocalProtocolError: Its method, or a header, would break the message.
        TypeError: Its body or its auth is none, or the transport is another face's.
    """
    hop = first_hop(request, client)
    if not is_token(hop.method):
        raise httpxr.LocalProtocolError(f"the method {hop.method!r} is none of HTTP's")
    check_fields([*hop.own, *hop.private])
    auth = auth_of(request, client, hop.url)
    if auth is not None:
        flow_of(auth, is_async=is_async)
    transports.find(hop.url)


def first_hop(request: StreamRequest, client: ClientSettings) -> Hop:
    """The exchange's first request: the client's settings under the caller's.

    Raises:
        ImpossibleURL: Nobody can be asked for the URL.
        TypeError: The body is none.
    """
    chosen = [p for p in client.headers if not is_httpxr_default(*p)]
    agent = [p for p in chosen if is_httpxr_agent(p[1])]
    private = merged((p for p in chosen if p not in agent), fields_of(request.headers))
    way, position = request.way, request.position
    if position is None:
        position = way.position_in(private) or ""
    content, content_type = _encoded(request.body)
    own = merged(agent, request.defaults, content_type, way.fields(position))
    url = url_of(request.url, client.base_url, client.params, request.params)
    return Hop(
        request.method,
        url,
        own,
        without(private, way.name),
        content,
        home=origin(url),
        trusted=frozenset(map(named_origin, request.trusted_origins)),
    )


def _encoded(body: Mapping[str, Any]) -> tuple[bytes | None, Fields]:
    """The body's bytes, read once for all hops, and its content type."""
    if not body:
        return None, []
    given = dict(body)
    if not isinstance(given.get("content", b""), (bytes, str)):
        given["content"] = _gathered(given["content"])
    if not isinstance(given.get("data", ""), (Mapping, bytes, str)):
        raise TypeError(
            "data= must be a mapping; for a key that comes twice give a list as value"
        )
    probe = httpxr.Request("POST", "http://localhost/", **given)
    return probe.content, named(probe.headers.raw, b"Content-Type")


def _gathered(content: Any) -> bytes | str:
    if isinstance(content, (bytearray, memoryview)):
        return bytes(content)
    if hasattr(content, "read"):
        whole: bytes | str = content.read()
        return whole
    if hasattr(content, "__aiter__"):
        raise TypeError(
            "content= is an asynchronous iterable: it needs an httpxr.AsyncClient"
        )
    return b"".join(content)
