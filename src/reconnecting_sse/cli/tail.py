"""``tail``: the events of one URL, for as long as it takes."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import click
import httpxr

from reconnecting_sse import ClaimLost, ReconnectingEventSource, SSEError
from reconnecting_sse.cli.events import as_json, as_text
from reconnecting_sse.cli.feed import FeedOptions, client_of, source_of, told
from reconnecting_sse.cli.idling import IdleWatch
from reconnecting_sse.cli.output import Output, ReaderGoneError, discard
from reconnecting_sse.cli.report import (
    attempts_only,
    everything,
    in_options,
    summary,
)
from reconnecting_sse.cli.saying import say
from reconnecting_sse.cli.shapes import ErrorEvent, Lines, Shape, Text
from reconnecting_sse.cli.signals import StoppedBySignal
from reconnecting_sse.core.cursor import LAST_EVENT_ID
from reconnecting_sse.transports.ways.environment import UnusableProxyError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from httpxr.sse import ServerSentEvent

    from reconnecting_sse import StreamStats

FAILED = 1
TAKEN_OVER = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class TailOptions(FeedOptions):
    """The command line's words."""

    last_event_id: str | None
    as_json: bool
    text: tuple[str, ...] | None
    max_events: int | None
    exit_when_idle: float | None


def tail(options: TailOptions) -> int:
    """Print events until the end; the exit status."""
    if options.as_json and options.text:
        raise click.UsageError("--json and --text are two shapes; give one of them")
    output = Output()
    try:
        idle = IdleWatch(options.exit_when_idle) if options.exit_when_idle else None
        with client_of(options) as client, _source(client, options, idle) as source:
            return _follow(source, output, options, idle)
    except ClaimLost as error:
        say(f"error: {in_options(str(error))}")
        return TAKEN_OVER
    except (SSEError, httpxr.HTTPError, UnusableProxyError) as error:
        say(f"error: {told(error, options)}")
        return FAILED
    except ErrorEvent as error:
        say(f"error: {error.message}")
        return FAILED


def _source(
    client: httpxr.Client, options: TailOptions, idle: IdleWatch | None
) -> ReconnectingEventSource:
    _check_cursor(options)
    _check_store(options)
    logger = everything() if options.verbose else attempts_only()
    more = {} if idle is None else {"on_lifecycle": idle.hear}
    return source_of(
        client, options, logger, last_event_id=options.last_event_id, **more
    )


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
    source: ReconnectingEventSource,
    output: Output,
    options: TailOptions,
    idle: IdleWatch | None,
) -> int:
    came_to: list[StreamStats] = []

    def stop() -> None:  # what the signal breaks off is no failure: not to be counted
        came_to.append(source.stats)
        source.close()

    output.watch(source.close)
    shape = _shape(output, options)
    with StoppedBySignal(stop) as stopped:
        try:
            with nullcontext() if idle is None else idle.watching(source.close):
                events = source.iter_sse()
                awaited = events if idle is None else idle.awaiting(events)
                _print(awaited, shape, options.max_events)
        except ReaderGoneError:
            return 0
    if stopped.status:
        # A line that nobody took must not hold up the exit.
        discard()
        say(f"{stopped.word}: {summary(came_to[0], source.last_event_id)}")
    return stopped.status


def _shape(output: Output, options: TailOptions) -> Shape:
    if options.text:
        return Text(output, options.text)
    if options.as_json:
        return Lines(output, as_json)
    return Lines(output, partial(as_text, colour=output.has_colour))


def _print(
    events: Iterable[ServerSentEvent], shape: Shape, max_events: int | None
) -> None:
    try:
        for number, event in enumerate(events, start=1):
            may_follow = shape.show(event)
            if number == max_events or not may_follow:
                break
    finally:
        shape.end()
