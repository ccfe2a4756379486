"""The request for a stream, as the caller describes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpxr

Fields = list[tuple[bytes, bytes]]

_STREAM_DEFAULTS = (
    (b"Accept", b"text/event-stream"),
    (b"Cache-Control", b"no-cache"),
)
_BODY_KEYWORDS = ("content", "data", "files", "json")


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRequest:
    """A request for a stream, in the terms of ``connect_sse``.

    Attributes:
        auth: What ``auth=`` was; ``INHERIT`` is the client's own.
        body: ``content``, ``data``, ``files`` and ``json``, where given.
        defaults: The headers that are sent unless the caller has his own.
        last_event_id: The ID to send, none if it is empty; None leaves it to the
            caller's own header.
    """

    method: str
    url: str
    headers: Any = None
    params: Any = None
    cookies: Any = None
    auth: Any = None
    follow_redirects: bool = True
    extensions: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    defaults: tuple[tuple[bytes, bytes], ...] = _STREAM_DEFAULTS
    last_event_id: str | None = None


class _Inherit:
    """Says that the client's own ``auth`` is to be used."""

    def __repr__(self) -> str:
        return "INHERIT"


INHERIT = _Inherit()


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


def _encoded(text: Any) -> bytes:
    if isinstance(text, bytes):
        return text
    if text is None:
        raise TypeError("a header's value is None; leave the header out instead")
    return str(text).encode()


def text_of(value: bytes) -> str:
    """A header's value as text: UTF-8 as httpxr sends it, else Latin-1."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def merged(*layers: Iterable[tuple[bytes, bytes]]) -> Fields:
    """The layers as one: a later layer replaces an earlier one's fields by name."""
    result: Fields = []
    for layer in layers:
        fields = list(layer)
        names = {name.lower() for name, _ in fields}
        result = [pair for pair in result if pair[0].lower() not in names] + fields
    return result
