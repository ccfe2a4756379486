"""``tail``: the events of one URL, for as long as it takes."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import click
import httpxr

from reconnecting_sse import (
    CertificateRejected,
    ClaimLost,
    ReconnectingEventSource,
    SSEError,
    StreamError,
)
from reconnecting_sse.cli.events import as_json, as_text
from reconnecting_sse.cli.output import Output, ReaderGoneError, discard
from reconnecting_sse.cli.refusal import explanation
from reconnecting_sse.cli.report import (
    attempts_only,
    everything,
    in_options,
    say,
    summary,
)
from reconnecting_sse.cli.signals import StoppedBySignal
from reconnecting_sse.cli.transport import TailTransport
from reconnecting_sse.core.cursor import LAST_EVENT_ID
from reconnecting_sse.transports.ways.environment import UnusableProxyError

if TYPE_CHECKING:
    from collections.abc import Callable

    from httpxr.sse import ServerSentEvent

    from reconnecting_sse import StreamStats
    from reconnecting_sse.cli.connecting import ConnectTo
    from reconnecting_sse.stores import Store

FAILED = 1
TAKEN_OVER = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class TailOptions:
    """The command line's words."""

    url: str
    headers: tuple[tuple[str, str], ...]
    method: str | None
    data: bytes | None
    last_event_id: str | None
    store: Store | None
    name: str | None
    lease: float | None
    as_json: bool
    max_events: int | None
    idle_timeout: float
    connect_to: tuple[ConnectTo, ...]
    cacert: str | None
    insecure: bool
    verbose: bool


def tail(options: TailOptions) -> int:
    """Print events until the end; the exit status."""
    output = Output()
    transport = TailTransport(_verify(options), options.connect_to)
    try:
        with (
            # The transport reads the environment; httpxr stumbles over what is in it.
            httpxr.Client(transport=transport, trust_env=False) as client,
            _source(client, options) as source,
        ):
            return _follow(source, output, options)
    except ClaimLost as error:
        say(f"error: {in_options(str(error))}")
        return TAKEN_OVER
    except (SSEError, httpxr.HTTPError, UnusableProxyError) as error:
        message = in_options(str(error))
        say(f"error: {message}{_more(error, message, options)}")
        return FAILED


def _verify(options: TailOptions) -> bool | ssl.SSLContext:
    if options.insecure or options.cacert is None:
        return not options.insecure
    try:
        return ssl.create_default_context(cafile=options.cacert)
    except OSError as error:
        raise click.BadParameter(
            f"{options.cacert!r} is no file of PEM certificates",
            param_hint="'--cacert'",
        ) from error


def _source(client: httpxr.Client, options: TailOptions) -> ReconnectingEventSource:
    _check_cursor(options)
    _check_store(options)
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
            last_event_id=options.last_event_id,
            store=options.store,
            name=options.name,
            lease=options.lease,
            idle_timeout=options.idle_timeout or None,
            logger=everything() if options.verbose else attempts_only(),
        )
    except (TypeError, ValueError) as error:
        raise click.UsageError(in_options(str(error))) from error


def _check_store(options: TailOptions) -> None:
    if options.store is not None and options.name is None:
        raise click.UsageError("--store keeps a position by name: give --name NAME")
    if options.store is None and not (options.name is None and options.lease is None):
        raise click.UsageError("--name and --lease go with --store URL")


def _check_cursor(options: TailOptions) -> None:
    wanted = options.last_event_id
    for name, value in options.headers:
        given = LAST_EVENT_ID.position_in([(name.encode(), value.encode())])
        if given is not None and wanted not in (None, given):
            raise click.UsageError(
                f"--last-event-id and -H '{name}: …' differ; give one of them"
            )


def _follow(
    source: ReconnectingEventSource, output: Output, options: TailOptions
) -> int:
    came_to: list[StreamStats] = []

    def stop() -> None:  # what the signal breaks off is no failure: not to be counted
        came_to.append(source.stats)
        source.close()

    output.watch(source.close)
    with StoppedBySignal(stop) as stopped:
        try:
            _print(source, output, _format(output, options), options.max_events)
        except ReaderGoneError:
            return 0
    if stopped.status:
        # A line that nobody took must not hold up the exit.
        discard()
        say(f"{stopped.word}: {summary(came_to[0], source.last_event_id)}")
    return stopped.status


def _format(output: Output, options: TailOptions) -> Callable[[ServerSentEvent], str]:
    return as_json if options.as_json else partial(as_text, colour=output.has_colour)


def _print(
    source: ReconnectingEventSource,
    output: Output,
    formatted: Callable[[ServerSentEvent], str],
    max_events: int | None,
) -> None:
    for number, event in enumerate(source.iter_sse(), start=1):
        output.line(formatted(event))
        if number == max_events:
            break


def _more(error: Exception, message: str, options: TailOptions) -> str:
    if isinstance(error, CertificateRejected):
        return " (--insecure trusts anyone)" * ("--cacert" in message)
    if not isinstance(error, StreamError):
        return ""
    # A server may well repeat what it was sent, in any spelling.
    said = "" if _may_hold_secrets(options) else explanation(error)
    end = "" if message.endswith((".", "?")) else "."
    return f"{end} It said: {said}" if said else ""


def _may_hold_secrets(options: TailOptions) -> bool:
    is_plain = not (options.headers or options.data)
    return not is_plain or any(mark in options.url for mark in "@?")
