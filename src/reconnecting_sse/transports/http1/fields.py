"""A request's headers as they go on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpxr

from reconnecting_sse.core.errors import QUOTE_LIMIT
from reconnecting_sse.core.headers import TOKEN, has_control, is_httpxr_default
from reconnecting_sse.transports.host import host_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconnecting_sse.core.headers import Fields


def check_fields(fields: Fields) -> None:
    """Raise for a name or value that would break the message.

    Raises:
        httpxr.LocalProtocolError: It says which name.
    """
    for name, value in fields:
        if not TOKEN.fullmatch(name) or has_control(value):
            raise httpxr.LocalProtocolError(
                f"the header {name[:QUOTE_LIMIT]!r} has a character that HTTP forbids"
                " (the value is not shown: it may be a secret)"
            )


def wire_headers(request: httpxr.Request, encodings: Iterable[str]) -> Fields:
    """The fields to send: a right Host first, and only what can be decoded offered.

    Raises:
        httpxr.LocalProtocolError: A name or value that would break the message.
    """
    host = host_of(request.url)
    accepted = ", ".join(encodings).encode()
    fields: Fields = []
    check_fields(request.headers.raw)
    for name, value in request.headers.raw:
        match name.lower():
            case b"host":
                # httpxr's own, for an IPv6 address, lacks the brackets.
                host = host if host.startswith(b"[") else value
            case b"accept-encoding":
                accepted = accepted if is_httpxr_default(name, value) else value
            case b"connection":
                pass  # one stream, one connection: not the caller's to say
            case _:
                fields.append((name, value.strip(b" \t")))
    return [(b"Host", host), (b"Accept-Encoding", accepted), *fields]
