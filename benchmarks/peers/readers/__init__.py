"""Each client behind one interface, set up as its documentation says to survive drops.

They differ in what they can be told. Where one has no setting for a keyword, it goes
without, and the probe shows what comes of that.
"""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

MODULES = {
    "reconnecting-sse": "ours",
    "reconnecting-sse, async": "ours_async",
    "launchdarkly-eventsource": "launchdarkly",
    "httpx-sse + stamina": "httpx_sse",
    "aiohttp-sse-client": "aiohttp_sse_client",
    "requests-sse": "requests_sse",
}
"""Where each one's reader is: imported in the process that uses it only."""


def reader_of(client: str) -> type[Reader]:
    kind: type[Reader] = import_module(f"{__name__}.{MODULES[client]}").READER
    return kind


class Seen(NamedTuple):
    """An event as the caller gets it."""

    id: str
    data: str


class Reader:
    """One subscription of one client.

    Args:
        url: Where.
        quick: First delay of 0.05 s, where that can be set; else the defaults.
        silence: Seconds without a byte to wait at most, where that can be set.
        strict: Do not even try again where the default is not to.
    """

    drop: ClassVar[Literal["finish", "reset"]] = "finish"
    """The end of a stream after which it reconnects most readily."""

    has_post: ClassVar[bool] = True
    has_comments: ClassVar[bool] = False
    is_async: ClassVar[bool] = False

    def __init__(
        self,
        url: str,
        *,
        quick: bool = True,
        silence: float | None = None,
        strict: bool = False,
        last_event_id: str = "",
        **request: Any,
    ) -> None:
        self.url = url
        self.quick = quick
        self.silence = silence
        self.strict = strict
        self.last_event_id = last_event_id
        self.method = request.pop("method", "GET")
        self.request = request  # headers, json
        self.comments: list[str] = []

    def events(self) -> Iterator[Seen]:
        """What a user would loop over; a second call goes on, if the client can."""
        raise NotImplementedError

    def impatiently(self, seconds: float) -> Iterator[Seen]:
        """As ``events``, but each wait for one is given up after so long, and again."""
        raise NotImplementedError

    def close(self) -> None:
        """From any thread: as the client's documentation says."""
        raise NotImplementedError


class AsyncReader(Reader):
    """Driven step by step on a loop of its own."""

    is_async = True

    def __init__(self, url: str, **options: Any) -> None:
        super().__init__(url, **options)
        self._runner = asyncio.Runner()
        self._loop = self._runner.get_loop()
        self._iterator: AsyncIterator[Any] | None = None

    async def open(self) -> AsyncIterator[Any]:
        raise NotImplementedError

    def events(self) -> Iterator[Seen]:
        if self._iterator is None:
            self._iterator = self._runner.run(self.open())
        yield from self._each(self._next)

    def impatiently(self, seconds: float) -> Iterator[Seen]:
        if self._iterator is None:
            self._iterator = self._runner.run(self.open())

        async def insisted() -> Seen:
            while True:
                try:
                    return await asyncio.wait_for(self._next(), seconds)
                except TimeoutError:
                    pass

        yield from self._each(insisted)

    def _each(self, step: Callable[[], Any]) -> Iterator[Seen]:
        while True:
            try:
                yield self._runner.run(step())
            except StopAsyncIteration:
                return

    async def _next(self) -> Seen:
        assert self._iterator is not None
        event = await anext(self._iterator)
        return Seen(getattr(event, "last_event_id", None) or event.id, event.data)
