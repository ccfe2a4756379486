"""One request of an exchange, and what of the caller's it may still carry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import httpxr

from reconnecting_sse.core.authority import DEFAULT_PORTS
from reconnecting_sse.core.errors import redacted
from reconnecting_sse.core.headers import is_httpxr_agent, is_httpxr_default, merged
from reconnecting_sse.exchange.request import fields_of
from reconnecting_sse.transports.host import host_of

if TYPE_CHECKING:
    from reconnecting_sse.core.headers import Fields
    from reconnecting_sse.exchange.client import ClientSettings
    from reconnecting_sse.exchange.request import StreamRequest


@dataclass(frozen=True, slots=True)
class Hop:
    """One request, and whether the caller's secrets may travel with it.

    Attributes:
        own: The headers that are ours: they travel anywhere.
        private: The caller's and the client's: they stay with the origin.
        content: The body, None for none; its type is among the headers.
        is_trusted: Whether no redirect has left the origin yet.
    """

    method: str
    url: httpxr.URL
    own: Fields
    private: Fields
    content: bytes | None
    is_trusted: bool = True

    def build(self, extensions: Mapping[str, Any]) -> httpxr.Request:
        """The httpxr request; its extensions are a copy of those given."""
        # httpxr's own Host lacks the brackets of an IPv6 address.
        host = [(b"Host", host_of(self.url))]
        return httpxr.Request(
            self.method,
            cast("Any", self.url).copy_with(userinfo=b"", fragment=None),
            headers=cast("Any", merged(host, self.own, self._travelling())),
            extensions=dict(extensions),
            content=self.content,
        )

    def _travelling(self) -> Fields:
        if self.is_trusted:
            return self.private
        has_body = self.content is not None
        return [p for p in self.private if has_body and p[0].lower() == b"content-type"]

    @property
    def cookies(self) -> Fields:
        """The caller's own Cookie headers, as far as they may travel."""
        return [p for p in self._travelling() if p[0].lower() == b"cookie"]

    def redirected(self, status: int, target: httpxr.URL) -> Hop:
        """The next hop: a fresh GET where the standard says so (Fetch, 4.4)."""
        becomes_get = (status in (301, 302) and self.method == "POST") or (
            status == 303 and self.method not in ("GET", "HEAD")  # noqa: PLR2004
        )
        stays = origin(target) == origin(self.url)
        hop = replace(self, url=target, is_trusted=self.is_trusted and stays)
        if not becomes_get:
            return hop
        own, private = _without_content(self.own), _without_content(self.private)
        return replace(hop, method="GET", content=None, own=own, private=private)


def _without_content(fields: Fields) -> Fields:
    return [p for p in fields if not p[0].lower().startswith(b"content-")]


def first_hop(request: StreamRequest, client: ClientSettings) -> Hop:
    """The exchange's first request: the client's settings under the caller's.

    Raises:
        ValueError: The URL is not an absolute http or https URL.
        httpxr.InvalidURL: It is no URL at all.
    """
    chosen = [p for p in client.headers if not is_httpxr_default(*p)]
    agent = [p for p in chosen if is_httpxr_agent(p[1])]
    private = merged((p for p in chosen if p not in agent), fields_of(request.headers))
    cursor = [p for p in private if p[0].lower() == b"last-event-id"]
    private = [p for p in private if p not in cursor]
    content, content_type = _encoded(request.body)
    sent_cursor = (p for p in cursor if p[1])
    own = merged(agent, request.defaults, content_type, sent_cursor)
    return Hop(request.method, _url(request, client), own, private, content)


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
    return probe.content, [
        p for p in probe.headers.raw if p[0].lower() == b"content-type"
    ]


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


# ---------------------------------------------------------------------- URLs


def origin(url: httpxr.URL) -> tuple[str, str, int | None]:
    """Scheme, host and port, the default one spelled out."""
    return url.scheme, url.host, url.port or DEFAULT_PORTS.get(url.scheme)


def with_base(text: str, base: httpxr.URL) -> str:
    """A relative URL as it will be asked for; any other, or none, as it is."""
    try:
        return text if _parsed(text).scheme else str(_absolute(text, base))
    except (ValueError, httpxr.InvalidURL):  # who asks for it is told
        return text


def _url(request: StreamRequest, client: ClientSettings) -> httpxr.URL:
    url = _absolute(request.url, client.base_url)
    return _with_params(_with_params(url, client.params), request.params)


def _absolute(text: str, base: httpxr.URL) -> httpxr.URL:
    url = _parsed(text)
    is_relative = not url.scheme and not url.host and not text.startswith("//")
    if is_relative and str(base):
        # As in httpx: a relative URL goes below the base's path, a leading slash too.
        root = str(cast("Any", base).copy_with(query=None, fragment=None))
        url = _parsed(f"{root.rstrip('/')}/{text.lstrip('/')}")
    if url.scheme not in DEFAULT_PORTS or not url.host:
        raise ValueError(
            f"{redacted(text)!r} is not an absolute http or https URL;"
            " write it as https://host/path, or give the client a base_url"
        )
    return url


def _parsed(text: str) -> httpxr.URL:
    try:
        return httpxr.URL(text)
    except httpxr.InvalidURL as error:
        # httpxr's message may quote the userinfo.
        reason = "" if "@" in text else f": {error}"
        raise httpxr.InvalidURL(f"{redacted(text)!r} is no URL{reason}") from None


def _with_params(url: httpxr.URL, params: Any) -> httpxr.URL:
    """The URL with ``params`` after its own query, which keeps its spelling."""
    added = str(httpxr.QueryParams(params)) if params else ""
    if not added:
        return url
    query = url.query.decode("ascii")
    return url.copy_with(query=f"{query}&{added}" if query else added)
