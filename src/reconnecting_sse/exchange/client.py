"""What is read from an httpxr client: the one place that knows its insides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import httpxr

from reconnecting_sse import transports
from reconnecting_sse.transports.ways.environment import environment_proxy

if TYPE_CHECKING:
    from http.cookiejar import CookieJar

Client = httpxr.Client | httpxr.AsyncClient

_httpxr: Any = httpxr  # its stubs leave the transports out
_BUILT_IN = (_httpxr.HTTPTransport, _httpxr.AsyncHTTPTransport)
_EXPLICIT = (
    "give the client a transport that streams: transport=StreamingTransport() for an"
    " httpxr.Client, transport=AsyncStreamingTransport() for an httpxr.AsyncClient"
)
_NO_PROXY_AT_ALL = (
    "the environment names a proxy whose address is no URL, and httpxr cannot look for"
    " the client's mounts: mend or unset it, or make the client with trust_env=False"
)


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """A client's configuration, as it is at this moment."""

    base_url: httpxr.URL
    headers: list[tuple[bytes, bytes]]
    params: Any
    auth: Any
    jar: CookieJar
    request_hooks: list[Any]
    response_hooks: list[Any]

    @classmethod
    def of(cls, client: Client) -> ClientSettings:
        """The settings of an open client.

        Raises:
            RuntimeError: The client was closed.
        """
        if client.is_closed:
            raise RuntimeError(
                "the client is closed; keep it open for as long as the stream is read"
            )
        hooks = client.event_hooks
        return cls(
            base_url=client.base_url,
            headers=client.headers.raw,
            params=getattr(client, "params", None),  # an AsyncClient does not tell
            auth=client.auth,
            jar=client.cookies.jar,
            request_hooks=list(hooks.get("request", ())),
            response_hooks=list(hooks.get("response", ())),
        )


def is_async(client: object) -> bool:
    """Which face the client gives.

    Raises:
        TypeError: It is no httpxr client.
    """
    if isinstance(client, httpxr.AsyncClient):
        return True
    if isinstance(client, httpxr.Client):
        return False
    raise TypeError(
        f"expected an httpxr.Client or httpxr.AsyncClient, not {type(client).__name__}"
    )


def is_live(transport: object) -> bool:
    """Whether the transport is ours: it decodes, times out and can be aborted."""
    return getattr(transport, "is_live", None) is True


class Transports:
    """Finds the transport for a URL; ours takes the place of httpxr's built-in one.

    Attributes:
        has_substituted: Whether it did.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        if is_async(client):
            ours: Any = transports.AsyncStreamingTransport
            self._method = "handle_async_request"
        else:
            ours = transports.StreamingTransport
            self._method = "handle_request"
        self._direct, self._by_environment = ours(), ours(trust_env=True)
        self.has_substituted: bool = False

    def find(self, url: httpxr.URL) -> Any:
        """The transport that is to be called for ``url``.

        Raises:
            ValueError: The client has a proxy of its own, or the environment names one
                that cannot be used.
            TypeError: The transport is one for the other kind of client.
        """
        transport, is_mounted = self._configured(url)
        if not isinstance(transport, _BUILT_IN):
            self._check_face(transport)
            return transport
        if _has_proxy(transport):
            raise ValueError(
                "the client has a proxy of its own, whose address cannot be read back,"
                f" and httpxr's proxied transport cannot stream; {_EXPLICIT}, with"
                " proxy= there"
            )
        self.has_substituted = True
        if is_mounted or not self._client.trust_env:
            return self._direct
        environment_proxy(url)  # one that is none is refused before anybody waits
        return self._by_environment

    def decodes(self, transport: object) -> bool:
        """Whether the transport undoes the encodings it offers by itself."""
        return is_live(transport)

    def _configured(self, url: httpxr.URL) -> tuple[Any, bool]:
        """The client's transport for the URL, and whether it is a mount."""
        client = cast("Any", self._client)
        mounts = client._mounts.values()  # noqa: SLF001  (nothing public says)
        own = client._transport  # noqa: SLF001
        try:
            chosen = client._transport_for_url(url)  # noqa: SLF001
        except ValueError:
            # It makes the environment's proxy before it looks what the caller gave.
            if mounts:
                raise ValueError(_NO_PROXY_AT_ALL) from None
            return own, False
        if any(chosen is mounted for mounted in mounts):
            return (own if chosen is None else chosen), True  # None: not elsewhere
        # With a proxy in the environment httpxr answers with a transport of its own
        # making, even where the caller gave one: as in httpx, the caller's counts.
        return (own if isinstance(chosen, _BUILT_IN) else chosen), False

    def _check_face(self, transport: object) -> None:
        if not hasattr(transport, self._method):
            raise TypeError(
                f"{type(transport).__name__} has no {self._method}, which an"
                f" httpxr.{type(self._client).__name__} needs; {_EXPLICIT}"
            )


def _has_proxy(transport: Any) -> bool:
    try:
        return transport._pool is not None  # noqa: SLF001  (None says: no proxy)
    except Exception:  # noqa: BLE001  (it needs httpcore to answer, so there is one)
        return True
