"""``work``: a handler over one feed, as a process that can be stopped at any time."""

from __future__ import annotations

import asyncio
import sys
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click
import httpxr

from reconnecting_sse import (
    ClaimLost,
    DrainTimeout,
    SSEError,
    SubscriptionWorker,
)
from reconnecting_sse.cli.feed import (
    FeedOptions,
    async_client_of,
    client_of,
    source_of,
    told,
)
from reconnecting_sse.cli.named import function_named
from reconnecting_sse.cli.progress import Progress
from reconnecting_sse.cli.report import in_options
from reconnecting_sse.cli.running import LATE, leave, logger_of, telemetry
from reconnecting_sse.cli.saying import say
from reconnecting_sse.core.callers import is_coroutine_function
from reconnecting_sse.transports.ways.environment import UnusableProxyError
from reconnecting_sse.workers.addresses import CannotListen

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

FAILED = 1
TAKEN_OVER = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOptions(FeedOptions):
    """The command line's words."""

    handler: str
    transactional: bool
    batch: int | None
    concurrency: int
    key: str | None
    window: int | None
    dead_letters: bool
    max_deliveries: int
    deduplicate: int
    on_gap: str | None
    drain_timeout: float
    stalled_after: float
    probes: str | None
    log: str

    @property
    def keywords(self) -> dict[str, Any]:
        """Those of a worker."""
        names = (
            *("transactional", "batch", "concurrency", "window", "dead_letters"),
            *("max_deliveries", "deduplicate", "drain_timeout", "stalled_after"),
            "probes",
        )
        hooks = {"key": self.key, "on_gap": self.on_gap}
        return {name: getattr(self, name) for name in names} | {
            name: None if text is None else _named(text, name)
            for name, text in hooks.items()
        }


def _named(text: str, name: str) -> Any:
    try:
        return function_named(text)
    except ValueError as error:
        option = "HANDLER" if name == "handler" else f"--{name.replace('_', '-')}"
        raise click.BadParameter(str(error), param_hint=f"'{option}'") from error


def work(options: WorkOptions) -> int:
    """Hand the feed's events to the handler until the end; the exit status."""
    if options.store is None or options.name is None:
        raise click.UsageError(
            "a worker keeps its position: give --store URL and --name NAME"
        )
    handler = _named(options.handler, "handler")
    try:
        if is_coroutine_function(handler):
            asyncio.run(_aworking(handler, options))
        else:
            _working(handler, options)
    except DrainTimeout as error:
        say(f"error: {in_options(str(error))}")
        leave(LATE)
    except ClaimLost as error:
        say(f"error: {in_options(str(error))}")
        return TAKEN_OVER
    except CannotListen as error:
        say(f"error: {error.strerror}")
        return FAILED
    except (SSEError, httpxr.HTTPError, UnusableProxyError) as error:
        say(f"error: {told(error, options)}")
        return FAILED
    return 0


def _working(handler: Any, options: WorkOptions) -> None:
    with client_of(options) as client:
        worker = _worker(client, handler, options)
        with _progress(worker):
            worker.run()


async def _aworking(handler: Any, options: WorkOptions) -> None:
    async with async_client_of(options) as client:
        worker = _worker(client, handler, options)
        with _progress(worker):
            try:
                await worker.arun()
            except DrainTimeout as error:
                # asyncio would wait for the handler, which may not end at all.
                say(f"error: {in_options(str(error))}")
                leave(LATE)


def _worker(client: Any, handler: Any, options: WorkOptions) -> SubscriptionWorker:
    source = source_of(
        client, options, logger_of(options.log, is_verbose=options.verbose)
    )
    try:
        return SubscriptionWorker(
            source, handler, telemetry=telemetry(), **options.keywords
        )
    except (TypeError, ValueError) as error:
        raise click.UsageError(in_options(str(error))) from error


def _progress(worker: SubscriptionWorker) -> AbstractContextManager[Any]:
    return Progress(worker) if sys.stderr.isatty() else nullcontext()
