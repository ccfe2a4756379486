"""A request as it goes on the wire, checked before anything is connected."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpxr

from reconnecting_sse.core.errors import shortened
from reconnecting_sse.core.headers import TOKEN, header_text, named
from reconnecting_sse.core.media import content_codings
from reconnecting_sse.transports.codings.codings import offered_codings
from reconnecting_sse.transports.host import host_of
from reconnecting_sse.transports.http1.fields import wire_headers

if TYPE_CHECKING:
    from typing import Self

    from reconnecting_sse.core.headers import Fields
    from reconnecting_sse.transports.ways.route import Route

# RFC 9112, section 3: a target has neither blanks nor controls.
_BAD_TARGET = re.compile(rb"[^\x21-\x7e]")

_PARAMETERS = re.compile(r";[^,]*")
_FRAMING = (b"content-length", b"transfer-encoding")
_EXPECTING_BODY = ("PATCH", "POST", "PUT")


@dataclass(frozen=True, slots=True)
class Message:
    """Everything to send but the body."""

    method: str
    target: bytes
    fields: Fields

    @classmethod
    def of(cls, request: httpxr.Request, route: Route) -> Self:
        """The request's line and fields, as the route's first reader needs them.

        Raises:
            httpxr.LocalProtocolError: They would break the message.
        """
        path = request.url.raw_path or b"/"
        if not TOKEN.fullmatch(request.method.encode()) or _BAD_TARGET.search(path):
            raise httpxr.LocalProtocolError(
                f"the request {shortened(request.method)!r} to"
                f" {shortened(host_of(request.url).decode())} has a character that HTTP"
                " forbids in its method, path or query; percent-encode it"
            )
        fields = wire_headers(request, offered_codings())
        if not route.is_forwarded:
            return cls(request.method, path, _for_the_origin(fields, route))
        # RFC 9112, section 3.2.2: the absolute form.
        target = b"http://" + host_of(request.url) + path
        return cls(request.method, target, _for_the_proxy(fields, route))

    @property
    def offered(self) -> list[str]:
        """The content codings that the answer may have."""
        values = [header_text(v) for _, v in named(self.fields, b"Accept-Encoding")]
        return content_codings(_PARAMETERS.sub("", value) for value in values)

    def with_body(self, content: bytes) -> bytes:
        """All of the message; its length counts, whatever the request's fields say."""
        fields = [field for field in self.fields if field[0].lower() not in _FRAMING]
        if content or self.method in _EXPECTING_BODY:
            fields.append((b"Content-Length", b"%d" % len(content)))
        lines = [b"%s %s HTTP/1.1" % (self.method.encode(), self.target)]
        lines += [b"%s: %s" % field for field in fields]
        return b"\r\n".join([*lines, b"", content])


def _for_the_origin(fields: Fields, route: Route) -> Fields:
    if not route.is_tunnelled:
        return fields
    return [field for field in fields if field[0].lower() != b"proxy-authorization"]


def _for_the_proxy(fields: Fields, route: Route) -> Fields:
    assert route.proxy is not None
    own = route.proxy.fields
    names = {name.lower() for name, _ in own}
    return [*(field for field in fields if field[0].lower() not in names), *own]
