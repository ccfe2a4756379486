"""The request for a stream, as the caller describes it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import httpxr

from reconnecting_sse.core.answer import EVENT_STREAM
from reconnecting_sse.core.cursor import LAST_EVENT_ID
from reconnecting_sse.core.errors import redacted
from reconnecting_sse.core.headers import merged, without
from reconnecting_sse.transports.host import parsed

if TYPE_CHECKING:
    from reconnecting_sse.core.cursor import ByHeader
    from reconnecting_sse.core.headers import Fields
    from reconnecting_sse.core.lifecycle import Attempt

    Prepare = Callable[["StreamRequest", Attempt], Any]

ACCEPT = (b"Accept", EVENT_STREAM.encode())

UNCOMPRESSED = (b"Accept-Encoding", b"identity")
"""Servers that compress without flushing are many: they would hold events back."""

COMPRESSED_DEFAULTS = (ACCEPT, (b"Cache-Control", b"no-cache"))
"""What can be decoded is for the transport to know, and to offer."""

_STREAM_DEFAULTS = (*COMPRESSED_DEFAULTS, UNCOMPRESSED)
_BODY_KEYWORDS = ("content", "data", "files", "json")


class _Inherit:
    """Says that the client's own ``auth`` is to be used."""

    def __repr__(self) -> str:
        return "INHERIT"


INHERIT = _Inherit()


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class StreamRequest:
    """A request about to be sent, in the terms of ``connect_sse``; immutable.

    What ``prepare`` gets, and gives back: ``dataclasses.replace`` makes another of it,
    and so do ``with_headers`` and ``with_params``.

    Attributes:
        headers: The caller's, and as ``prepare`` gets them ``Last-Event-ID``; the
            client's come below them.
        params: What follows the URL's own query and the client's.
        auth: What ``auth=`` was; without one the client's own is used.
        trusted_origins: Other origins that redirects may take all of this to.
        body: ``content``, ``data``, ``files`` or ``json``, where there is one.
        defaults: The headers that are sent unless the caller gives them.
        position: What to resume after, an empty one for all there is; None: what the
            headers say.
        way: How the position travels.
    """

    method: str
    url: str
    headers: Any = None
    params: Any = None
    cookies: Any = None
    auth: Any = INHERIT
    follow_redirects: bool = True
    trusted_origins: Collection[str] = ()
    extensions: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    defaults: tuple[tuple[bytes, bytes], ...] = _STREAM_DEFAULTS
    position: str | None = None
    way: ByHeader = LAST_EVENT_ID

    def __repr__(self) -> str:
        # The rest may hold secrets, and what is not shown cannot be logged.
        return f"<StreamRequest {self.method} {redacted(self.url)}>"

    def with_headers(self, headers: Mapping[str, str]) -> StreamRequest:
        """The same request, with these headers in the place of its own by name."""
        fields = merged(fields_of(self.headers), fields_of(headers))
        return replace(self, headers=_headers(fields))

    def with_params(self, params: Mapping[str, str]) -> StreamRequest:
        """The same request, with these parameters in the place of its own by name."""
        given = httpxr.QueryParams(self.params or ()).multi_items()
        kept = [pair for pair in given if pair[0] not in params]
        url: Any = parsed(self.url)
        for name in params:
            if name in url.params:
                url = url.copy_remove_param(name)
        return replace(self, url=str(url), params=[*kept, *params.items()])


def written(request: StreamRequest) -> StreamRequest:
    """The request with its position where it will travel, for the caller to see."""
    fields = without(fields_of(request.headers), request.way.name)
    fields += request.way.fields(request.position or "")
    return replace(request, headers=_headers(fields), position=None)


def read_back(request: StreamRequest) -> StreamRequest:
    """The request with its position a value again, as the caller has left it."""
    if request.position is not None:
        return request
    position = request.way.position_in(fields_of(request.headers))
    return replace(request, position=position or "")


def request_of(method: str, url: str, keywords: Mapping[str, Any]) -> StreamRequest:
    """The request that ``connect_sse(client, method, url, **keywords)`` describes.

    Raises:
        TypeError: A keyword that no request has.
    """
    left = dict(keywords)
    body = {name: left.pop(name) for name in _BODY_KEYWORDS if name in left}
    request = StreamRequest(
        method=method.upper(),
        url=str(url),
        headers=left.pop("headers", None),
        params=left.pop("params", None),
        cookies=left.pop("cookies", None),
        auth=left.pop("auth", INHERIT),
        follow_redirects=left.pop("follow_redirects", True),
        extensions=left.pop("extensions", None) or {},
        body={name: value for name, value in body.items() if value is not None},
    )
    if left:
        raise TypeError(f"unexpected keyword arguments: {', '.join(sorted(left))}")
    return request


def fields_of(headers: Any) -> Fields:
    """Headers in any form that httpxr takes, and in those it silently drops."""
    if headers is None:
        return []
    if isinstance(headers, httpxr.Headers):
        return headers.raw
    pairs: Iterable[tuple[Any, Any]]
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return [(_encoded(name), _encoded(value)) for name, value in pairs]


def _headers(fields: Fields) -> httpxr.Headers:
    return httpxr.Headers(cast("Any", fields))  # the stubs know no bytes


def _encoded(text: Any) -> bytes:
    if isinstance(text, bytes):
        return text
    if text is None:
        raise TypeError("a header's value is None; leave the header out instead")
    return str(text).encode()
