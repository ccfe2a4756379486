"""The feed that the command line names: its client, and its source."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click
import httpxr
from tenacity import stop_after_attempt, stop_after_delay, stop_any

from reconnecting_sse import (
    CertificateRejected,
    ReconnectingEventSource,
    ReconnectPolicy,
    StreamError,
    UnexpectedContentType,
)
from reconnecting_sse.cli.refusal import explanation
from reconnecting_sse.cli.report import in_options
from reconnecting_sse.cli.transport import AsyncCurlTransport, CurlTransport
from reconnecting_sse.core.answer import EVENT_STREAM
from reconnecting_sse.core.decoder import MAX_EVENT_BYTES

if TYPE_CHECKING:
    from reconnecting_sse.cli.connecting import ConnectTo
    from reconnecting_sse.stores import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class WayOptions:
    """The words about the way to a server."""

    connect_to: tuple[ConnectTo, ...]
    cacert: str | None
    insecure: bool
    verbose: bool

    @property
    def verify(self) -> bool | ssl.SSLContext:
        """What certificates are held against."""
        if self.insecure or self.cacert is None:
            return not self.insecure
        try:
            return ssl.create_default_context(cafile=self.cacert)
        except OSError as error:
            raise click.BadParameter(
                f"{self.cacert!r} is no file of PEM certificates",
                param_hint="'--cacert'",
            ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedOptions(WayOptions):
    """The words that all commands with a URL have in common."""

    url: str
    headers: tuple[tuple[str, str], ...]
    method: str | None
    data: bytes | None
    idle_timeout: float
    store: Store | None
    name: str | None
    lease: float | None
    connect_timeout: float = 10.0
    header_timeout: float = 30.0
    retry_max: int | None = None
    retry_max_time: float | None = None
    like_a_browser: bool = False
    any_content_type: bool = False
    max_event_bytes: int = MAX_EVENT_BYTES

    @property
    def policy(self) -> ReconnectPolicy:
        """When to try again, and when no more."""
        base = ReconnectPolicy.standard if self.like_a_browser else ReconnectPolicy
        stops: list[Any] = []
        if self.retry_max is not None:
            stops.append(stop_after_attempt(self.retry_max + 1))
        if self.retry_max_time:
            stops.append(stop_after_delay(self.retry_max_time))
        return replace(base(), stop=stop_any(*stops)) if stops else base()

    @property
    def may_hold_secrets(self) -> bool:
        """Whether a server that repeats what it was sent may show one."""
        is_plain = not (self.headers or self.data)
        return not is_plain or any(mark in self.url for mark in "@?")


def client_of(options: WayOptions) -> httpxr.Client:
    """A client that goes curl's ways."""
    # The transport reads the environment; httpxr stumbles over what is in it.
    transport = CurlTransport(options.verify, options.connect_to)
    return httpxr.Client(transport=transport, trust_env=False)


def async_client_of(options: WayOptions) -> httpxr.AsyncClient:
    """The same for asyncio."""
    transport = AsyncCurlTransport(options.verify, options.connect_to)
    return httpxr.AsyncClient(transport=transport, trust_env=False)


def source_of(
    client: httpxr.Client | httpxr.AsyncClient,
    options: FeedOptions,
    logger: Any,
    **more: Any,
) -> ReconnectingEventSource:
    """The source of the feed.

    Raises:
        click.UsageError: The words do not go together.
    """
    headers = list(options.headers)
    has_type = any(name.lower() == "content-type" for name, _ in headers)
    if options.data is not None and not has_type:
        headers.append(("Content-Type", "application/x-www-form-urlencoded"))
    try:
        return ReconnectingEventSource(
            client,
            options.method or ("GET" if options.data is None else "POST"),
            options.url,
            headers=headers,
            content=options.data,
            store=options.store,
            name=options.name,
            lease=options.lease,
            policy=options.policy,
            connect_timeout=options.connect_timeout or None,
            header_timeout=options.header_timeout or None,
            idle_timeout=options.idle_timeout or None,
            max_event_bytes=options.max_event_bytes or None,
            content_types=("*" if options.any_content_type else EVENT_STREAM,),
            logger=logger,
            **more,
        )
    except (TypeError, ValueError) as error:
        raise click.UsageError(in_options(str(error))) from error


def told(error: Exception, options: FeedOptions) -> str:
    """What is said of an error, with what the server says of it."""
    message = in_options(str(error))
    if isinstance(error, CertificateRejected) and "--cacert" in message:
        message += " (--insecure trusts anyone)"
    elif isinstance(error, UnexpectedContentType) and not _is_coded(error):
        message += " (--any-content-type reads it all the same)"
    return f"{message}{_explanation(error, message, options)}"


def _is_coded(error: UnexpectedContentType) -> bool:
    """Whether it is the coding that cannot be read."""
    return any(name.lower() == "content-encoding" for name, _ in error.headers)


def _explanation(error: Exception, message: str, options: FeedOptions) -> str:
    if isinstance(error, CertificateRejected) or not isinstance(error, StreamError):
        return ""
    # A server may well repeat what it was sent, in any spelling.
    said = "" if options.may_hold_secrets else explanation(error)
    end = "" if message.endswith((".", "?")) else "."
    return f"{end} It said: {said}" if said else ""
