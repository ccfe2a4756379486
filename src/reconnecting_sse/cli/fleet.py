"""``fleet``: a file of feeds, shared by all processes that run the same command."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconnecting_sse import DrainTimeout, SubscriptionWorker
from reconnecting_sse.cli.feed import (
    FeedOptions,
    WayOptions,
    async_client_of,
    source_of,
)
from reconnecting_sse.cli.feeds.reading import read_feeds
from reconnecting_sse.cli.feeds.values import FeedsFileError, Mistake
from reconnecting_sse.cli.report import in_options
from reconnecting_sse.cli.running import LATE, leave, logger_of, telemetry
from reconnecting_sse.cli.saying import say
from reconnecting_sse.workers.fleet import Fleet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import httpxr

    from reconnecting_sse.cli.feeds.values import Feed, FeedsFile
    from reconnecting_sse.stores import Store

FAILED = 1
LEASE = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetOptions(WayOptions):
    """The command line's words."""

    file: str
    store: Store
    lease: float | None
    max_feeds: int | None
    probes: str | None
    log: str


def fleet(options: FleetOptions) -> int:
    """Serve a share of the feeds until a signal; the exit status."""
    try:
        return asyncio.run(_serving(_read(options.file), options))
    except FeedsFileError as error:
        lines = "".join(f"\n  {mistake}" for mistake in error.mistakes)
        raise _refused(f"there are mistakes in it:{lines}") from error
    except OSError as error:
        say(f"error: {in_options(str(error))}")
        return FAILED
    finally:
        options.store.close()


def _read(file: str) -> FeedsFile:
    try:
        return read_feeds(Path(file), os.environ)
    except OSError as error:
        raise _refused(f"it cannot be read: {error.strerror}") from error


def _refused(why: str) -> click.BadParameter:
    return click.BadParameter(why, param_hint="'FILE'")


async def _serving(found: FeedsFile, options: FleetOptions) -> int:
    async with async_client_of(options) as client:
        makers = _makers(found, client, options)
        try:
            member = Fleet(
                options.store,
                makers,
                lambda name: makers[name](),
                lease=_lease_of(found, options),
                max_feeds=options.max_feeds or found.max_feeds,
                probes=options.probes,
                logger=logger_of(options.log, is_verbose=options.verbose),
            )
        except ValueError as error:
            raise click.UsageError(in_options(str(error))) from error
        try:
            await member.arun()
        except BaseExceptionGroup as group:
            return _told(group.exceptions)
        return 0


def _told(errors: Sequence[BaseException]) -> int:
    """The exit status, once it is said what the fleet ended with."""
    for error in errors:
        say(f"error: {in_options(str(error))}")
    if any(isinstance(error, DrainTimeout) for error in errors):
        # asyncio would wait for the handler, which may not end at all.
        leave(LATE)
    return FAILED


def _lease_of(found: FeedsFile, options: FleetOptions) -> float:
    return options.lease or found.lease or LEASE


def _makers(
    found: FeedsFile, client: httpxr.AsyncClient, options: FleetOptions
) -> Mapping[str, partial[SubscriptionWorker]]:
    """What makes a feed's worker, by name; each has made one, so that all can.

    Raises:
        FeedsFileError: A feed's values do not go together.
    """
    mistakes: list[Mistake] = []
    makers = {}
    for feed in found.feeds:
        words = _words_of(feed, _lease_of(found, options), options)
        log = partial(logger_of, options.log, is_verbose=options.verbose)
        make = partial(_worker, client, feed, words, log)
        makers[feed.name] = make
        try:
            make()
        except click.UsageError as error:
            mistakes.append(Mistake(feed.line, f"feed {feed.name!r}: {error.message}"))
    if mistakes:
        raise FeedsFileError(mistakes)
    return makers


def _worker(
    client: httpxr.AsyncClient,
    feed: Feed,
    words: FeedOptions,
    log: Callable[..., Any],
) -> SubscriptionWorker:
    source = source_of(client, words, log(feed=feed.name), params=feed.params)
    try:
        return SubscriptionWorker(
            source, feed.handler, telemetry=telemetry(), **feed.worker
        )
    except (TypeError, ValueError) as error:
        raise click.UsageError(in_options(str(error))) from error


def _words_of(feed: Feed, lease: float, options: FleetOptions) -> FeedOptions:
    """The feed, as the command line would name it."""
    return FeedOptions(
        url=feed.url,
        headers=tuple(feed.headers.items()),
        method=feed.method,
        data=None if feed.data is None else feed.data.encode(),
        idle_timeout=feed.idle_timeout,
        store=options.store,
        name=feed.name,
        lease=lease,
        connect_to=options.connect_to,
        cacert=options.cacert,
        insecure=options.insecure,
        verbose=options.verbose,
    )
