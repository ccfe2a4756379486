"""What every hop of an exchange is made with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconnecting_sse.exchange.client import ClientSettings, Transports
    from reconnecting_sse.exchange.cookies import Cookies
    from reconnecting_sse.exchange.trail import Trail


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """The client's settings and the request's, as far as they are one for all hops.

    Attributes:
        auth: The auth in force, None for none.
        extensions: They go with each request.
        trail: Where it is written down what a server may have seen.
        streams: Content types whose bodies may never end.
        is_async: Which face makes the calls.
    """

    client: ClientSettings
    transports: Transports
    auth: Any
    cookies: Cookies
    extensions: Mapping[str, Any]
    trail: Trail
    streams: frozenset[str]
    is_async: bool
