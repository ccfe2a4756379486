"""``demo``: a feed that breaks in every way, and the account of what arrived."""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpxr
import structlog

from reconnecting_sse import (
    AsyncStreamingTransport,
    ReconnectingEventSource,
    ReconnectPolicy,
    SSEError,
    StreamingTransport,
)
from reconnecting_sse.cli.killing import Killing
from reconnecting_sse.cli.ordeal import Ordeal
from reconnecting_sse.cli.output import Output
from reconnecting_sse.cli.report import counted, line_logger
from reconnecting_sse.cli.saying import say
from reconnecting_sse.cli.signals import INTERRUPTED
from reconnecting_sse.cli.verdict import Verdict
from reconnecting_sse.testing import NumberedFeed, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

    from httpxr.sse import ServerSentEvent

COUNT = 300
DATA = "event {n} of " + str(COUNT)
PAUSE = 0.015
"""Seconds after each event, so that one can watch."""

_REASONS = {"no content": "the server has no more (204)", "closed": "time is up"}


class Run:
    """One run: what happened to it, and what it received."""

    def __init__(self, seed: int, output: Output, *, is_async: bool) -> None:
        self.ordeal: Ordeal = Ordeal(seed, COUNT)
        self.received: list[ServerSentEvent] = []
        self._output = output
        self._is_async = is_async
        self._is_time_up = False
        self._began = time.monotonic()

    def consume(self, url: str, seconds: float) -> None:
        """Receive everything there is at ``url``, for ``seconds`` at the most."""
        try:
            if self._is_async:
                asyncio.run(self._receive_async(url, seconds))
            else:
                self._receive(url, seconds)
        except SSEError as error:
            self.show(f"gave up: {error}")

    def _receive(self, url: str, seconds: float) -> None:
        with (
            httpxr.Client(transport=StreamingTransport(), trust_env=False) as client,
            self._source(client, url) as source,
            self._closed_after(seconds, source),
        ):
            for event in source.iter_sse():
                self.received.append(event)

    async def _receive_async(self, url: str, seconds: float) -> None:
        # Never closed: it holds nothing, and awaiting httpxr just before the process
        # ends makes its runtime panic, measured in one of three runs.
        transport = AsyncStreamingTransport()
        client = httpxr.AsyncClient(transport=transport, trust_env=False)
        async with self._source(client, url) as source:
            with self._closed_after(seconds, source):
                async for event in source.aiter_sse():
                    self.received.append(event)

    def _source(
        self, client: httpxr.Client | httpxr.AsyncClient, url: str
    ) -> ReconnectingEventSource:
        return ReconnectingEventSource(
            client,
            "GET",
            url,
            # Quicker than one would have it elsewhere: somebody is watching.
            policy=ReconnectPolicy(initial_delay=0.3, max_delay=1.0),
            connect_timeout=2.0,
            header_timeout=2.0,
            idle_timeout=1.0,
            logger=line_logger(self.show, self._told),
        )

    @contextmanager
    def _closed_after(
        self, seconds: float, source: ReconnectingEventSource
    ) -> Iterator[None]:
        def close() -> None:
            self._is_time_up = True
            source.close()

        timer = threading.Timer(seconds, close)
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()

    def show(self, line: str) -> None:
        """A line of the account, with the seconds since the beginning."""
        self._output.line(f"{time.monotonic() - self._began:7.2f} s  {line}")

    def _told(
        self, _logger: object, _method: str, facts: MutableMapping[str, Any]
    ) -> str:
        match facts["event"]:
            case "stream.open" if not self.received:
                return "connected"
            case "stream.open":
                return f"resumed   after event {self.received[-1].id}"
            case "stream.dropped" if self._is_the_end(facts["cause"]):
                return "ended     the feed is over; asking whether there is more"
            case "stream.dropped" if "error" in facts:  # else this program did it
                return (
                    f"dropped   {self.ordeal.deed} ({facts['cause']});"
                    f" {len(self.received)} of {COUNT} events so far"
                )
            case "stream.waiting":
                return f"waiting   {facts['delay']:.2f} s"
            case "stream.closed" if self._is_time_up or facts["reason"] != "closed":
                reason = facts["reason"]
                return f"finished  {_REASONS.get(reason, reason)}"
        raise structlog.DropEvent

    def _is_the_end(self, cause: str) -> bool:
        return cause == "StreamEnded" and self.ordeal.happened[-1:] == [None]

    def verdict(self) -> Verdict:
        """What was received, held against the whole feed."""
        numbers = range(1, COUNT + 1)
        return Verdict.of(
            [(str(n), DATA.format(n=n)) for n in numbers],
            [(event.id, event.data) for event in self.received],
        )


def demo(*, seed: int | None, seconds: float, is_async: bool) -> int:
    """Run the demo; the exit status."""
    if seed is None:
        seed = secrets.randbelow(1_000_000)
    output = Output()
    run = Run(seed, output, is_async=is_async)
    feed = NumberedFeed(COUNT, data=DATA, then="stop", pause=PAUSE, faults=run.ordeal)
    try:
        with ScriptedServer(feed) as server:
            output.line(
                f"seed {seed}: {COUNT} numbered events from {server.url}, which breaks"
                f" the connection in every way (repeat with --seed {seed})"
            )
            run.consume(server.url, seconds)
            connections = len(server.requests)
    except KeyboardInterrupt:
        say(f"interrupted after {counted(len(run.received), 'event')}")
        return INTERRUPTED
    verdict = run.verdict()
    survived = Counter(run.ordeal.survived(connections))
    output.line(_account(verdict, survived))
    if not verdict.is_perfect:
        return 1
    return _second_act(seed, seconds, run, output)


def _second_act(seed: int, seconds: float, run: Run, output: Output) -> int:
    """The same feed, into a table, by a process that is killed again and again."""
    output.line(
        "\nSecond act: another process writes each event into SQLite, and is killed"
        " again and again."
    )
    killing = Killing(seed, run.show)
    try:
        verdict = killing.run(seconds)
    except KeyboardInterrupt:
        say(f"interrupted after {counted(killing.kills, 'kill')}")
        return INTERRUPTED
    output.line(_account_of_rows(verdict, killing.kills))
    return 0 if verdict.is_perfect else 1


def _account_of_rows(verdict: Verdict, kills: int) -> str:
    lines = {
        "events": verdict.expected,
        "rows": verdict.received,
        "lost": verdict.lost,
        "twice": verdict.duplicated,
        "kills survived": kills,
    }
    if verdict.is_perfect:
        conclusion = "PASSED: the table has every event once and in order."
    else:
        conclusion = "FAILED: the table is not the feed."
    shown = [f"{name:>15}  {value}" for name, value in lines.items()]
    return "\n".join(["", *shown, "", conclusion])


def _account(verdict: Verdict, survived: Counter[Any]) -> str:
    kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(survived.items()))
    lines = {
        "events expected": verdict.expected,
        "received": verdict.received,
        "lost": verdict.lost,
        "duplicated": verdict.duplicated,
        "out of order": verdict.misordered,
        "not as sent": verdict.foreign,
        "drops survived": f"{survived.total()} ({kinds})",
    }
    if verdict.is_perfect:
        conclusion = "PASSED: every event arrived once and in order."
    else:
        conclusion = "FAILED: what arrived is not what was sent."
    shown = [f"{name:>15}  {value}" for name, value in lines.items()]
    return "\n".join(["", *shown, "", conclusion])
