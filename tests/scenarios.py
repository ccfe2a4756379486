"""Plays one script on either face and writes down everything that happened.

A script is what the server does on successive attempts; time is a fake clock that
only bodies and waits move. The trace has every request, wait, event and log name in
order, so that the two faces can be compared to the last line.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Self

import httpxr

from reconnecting_sse import ReconnectingEventSource
from reconnecting_sse.subscription import clock as clocks

URL = "http://feed.test/stream"
STREAM = [("Content-Type", "text/event-stream")]


class Clock(clocks.Clock):
    """Time that passes only when it is told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> float:
        return self.seconds

    boot = now

    def wall(self) -> float:
        return 1_700_000_000.0 + self.seconds


@dataclass(frozen=True)
class Lasts:
    """A body's piece: nothing comes for so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Reply:
    """An answer; a body's piece is bytes, ``Lasts``, a call, or what cuts it off."""

    status: int = 200
    body: tuple[bytes | Lasts | BaseException | Callable[[], object], ...] = ()
    headers: tuple[tuple[str, str], ...] = tuple(STREAM)


def stream(*body: bytes | Lasts | BaseException | Callable[[], object]) -> Reply:
    return Reply(body=body)


class Interruption(BaseException):
    """What a signal handler, or anything else from outside, may raise in a call."""


Script = list[Reply | BaseException]


@dataclass
class Trace:
    """What happened, in order."""

    lines: list[tuple[Any, ...]] = field(default_factory=list)

    def __call__(self, *line: Any) -> None:
        self.lines.append(line)

    def of(self, *kinds: str) -> list[tuple[Any, ...]]:
        return [line for line in self.lines if line[0] in kinds]

    @property
    def events(self) -> list[str]:
        return [line[2] for line in self.of("event")]

    @property
    def waits(self) -> list[float]:
        return [line[1] for line in self.of("wait")]

    @property
    def cursors(self) -> list[str | None]:
        return [line[3] for line in self.of("request")]

    @property
    def logged(self) -> list[str]:
        return [line[1] for line in self.of("log")]


class Recorder:
    """A logger that writes into the trace."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace

    def _log(self, name: str, **keywords: Any) -> None:
        self._trace("log", name, keywords.get("cause") or keywords.get("reason"))

    debug = info = warning = _log


class Server:
    """The script, played to whichever transport asks."""

    def __init__(self, script: Script, clock: Clock, trace: Trace) -> None:
        self._script = iter(script)
        self._clock = clock
        self._trace = trace

    def answer(self, request: httpxr.Request) -> Reply:
        cursor = dict(request.headers.raw).get(b"Last-Event-ID")
        target = request.url.raw_path.decode()
        self._trace(
            "request",
            request.method,
            target,
            None if cursor is None else cursor.decode(),
        )
        step = next(self._script, Reply(204))
        if isinstance(step, BaseException):
            raise step
        return step

    def pieces(self, reply: Reply) -> Iterator[bytes]:
        for piece in reply.body:
            if isinstance(piece, Lasts):
                self._clock.seconds += piece.seconds
            elif isinstance(piece, BaseException):
                raise piece
            elif callable(piece):
                piece()
            else:
                yield piece


class SyncTransport(httpxr.BaseTransport):
    def __new__(cls, *_: Any) -> Self:
        return super().__new__(cls)

    def __init__(self, server: Server) -> None:
        self._server = server

    def handle_request(self, request: httpxr.Request) -> httpxr.Response:
        reply = self._server.answer(request)
        return httpxr.Response(
            reply.status,
            headers=list(reply.headers),
            stream=self._server.pieces(reply),
            request=request,
        )


class AsyncTransport(httpxr.AsyncBaseTransport):
    def __new__(cls, *_: Any) -> Self:
        return super().__new__(cls)

    def __init__(self, server: Server) -> None:
        self._server = server

    async def handle_async_request(self, request: httpxr.Request) -> httpxr.Response:
        reply = self._server.answer(request)

        async def pieces() -> Any:
            for piece in self._server.pieces(reply):
                yield piece

        return httpxr.Response(
            reply.status,
            headers=list(reply.headers),
            stream=pieces(),
            request=request,
        )


Consumer = Callable[[ReconnectingEventSource, Any], bool]
"""Called with each event; True leaves the loop."""


class Played:
    """One script on one face: the source, and the trace it left."""

    def __init__(
        self, monkeypatch: Any, face: str, script: Script, method: str, options: Any
    ) -> None:
        self.clock, self.trace, self.face = Clock(), Trace(), face
        monkeypatch.setattr(clocks, "CLOCK", self.clock)
        monkeypatch.setattr("random.uniform", lambda low, _: low)
        server = self.server = Server(script, self.clock, self.trace)
        if face == "sync":
            client: Any = httpxr.Client(transport=SyncTransport(server))
        else:
            client = httpxr.AsyncClient(transport=AsyncTransport(server))
        self.client = client
        options = {"logger": Recorder(self.trace), **options}
        self.source = ReconnectingEventSource(client, method, URL, **options)
        self.source._effects.sleep = self._sleep if face == "sync" else self._asleep
        self.error: BaseException | None = None

    def _sleep(self, delay: float) -> None:
        self.trace("wait", round(delay, 3))
        self.clock.seconds += delay

    async def _asleep(self, delay: float) -> None:
        self._sleep(delay)

    def consume(self, consumer: Consumer = lambda _source, _event: False) -> Played:
        """Iterate once, until the consumer leaves or the iteration ends."""
        try:
            if self.face == "sync":
                self._consume(consumer)
            else:
                asyncio.run(self._aconsume(consumer))
        except Interruption:
            self.trace("interrupted")
        except Exception as error:
            self.error = error
            self.trace("raised", type(error).__name__)
        return self

    def _consume(self, consumer: Consumer) -> None:
        for event in self.source.iter_sse():
            self.trace("event", event.id, event.data)
            if consumer(self.source, event):
                return
        self.trace("ended")

    async def _aconsume(self, consumer: Consumer) -> None:
        async for event in self.source.aiter_sse():
            self.trace("event", event.id, event.data)
            if consumer(self.source, event):
                return
        self.trace("ended")


class Scene:
    """Plays scripts on both faces; what they leave must be the same."""

    def __init__(self, monkeypatch: Any) -> None:
        self._monkeypatch = monkeypatch

    def play(
        self,
        script: Script,
        *consumers: Consumer,
        method: str = "GET",
        **options: Any,
    ) -> Played:
        """The async face's play, whose trace is that of the sync face."""
        played = []
        for face in ("sync", "async"):
            one = Played(self._monkeypatch, face, script, method, options)
            for consumer in consumers or (lambda _source, _event: False,):
                one.consume(consumer)
            played.append(one)
        first, second = played
        assert first.trace.lines == second.trace.lines
        assert first.source.state == second.source.state
        assert first.source.last_event_id == second.source.last_event_id
        assert first.source.stats == second.source.stats
        assert type(first.error) is type(second.error)
        assert str(first.error) == str(second.error)
        return second
