"""Bodies that wait a little for more, so that batches are larger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpxr

from reconnecting_sse.subscription import clock as clocks
from reconnecting_sse.transports.body import READ_SIZE, AsyncLiveBody, LiveBody

if TYPE_CHECKING:
    from reconnecting_sse.subscription.clock import Clock


@dataclass(frozen=True, slots=True)
class Lingering:
    """For how much is waited, and how long."""

    events: int
    seconds: float

    def is_enough(self, read: bytes) -> bool:
        """Whether so many events have come, as far as their ends show, or much else."""
        ends = read.count(b"\n\n") + read.count(b"\n\r\n")
        return ends >= self.events or len(read) >= READ_SIZE


class LingeringBody(LiveBody):
    """A body whose reads go on for a while, once something has come."""

    def __init__(self, body: LiveBody, lingering: Lingering) -> None:
        self._body = body
        self._lingering = lingering
        self._clock: Clock = clocks.CLOCK
        self._failure: httpxr.HTTPError | None = None

    @property
    def read_timeout(self) -> float | None:
        return self._body.read_timeout

    @read_timeout.setter
    def read_timeout(self, seconds: float | None) -> None:
        self._body.read_timeout = seconds

    def read(self) -> bytes:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        read = self._body.read()
        end = self._clock.now() + self._lingering.seconds
        while read and not self._lingering.is_enough(read):
            try:
                if not self._body.wait(end - self._clock.now()):
                    break
                more = self._body.read()
            except httpxr.HTTPError as error:
                self._failure = error  # what came before it comes first
                break
            if not more:
                break  # the end, which is read once more
            read += more
        return read

    def close(self) -> None:
        self._body.close()


class AsyncLingeringBody(AsyncLiveBody):
    """The same for asyncio."""

    def __init__(self, body: AsyncLiveBody, lingering: Lingering) -> None:
        self._body = body
        self._lingering = lingering
        self._clock: Clock = clocks.CLOCK
        self._failure: httpxr.HTTPError | None = None

    @property
    def read_timeout(self) -> float | None:
        return self._body.read_timeout

    @read_timeout.setter
    def read_timeout(self, seconds: float | None) -> None:
        self._body.read_timeout = seconds

    async def read(self) -> bytes:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        read = await self._body.read()
        end = self._clock.now() + self._lingering.seconds
        while read and not self._lingering.is_enough(read):
            try:
                if not await self._body.wait(end - self._clock.now()):
                    break
                more = await self._body.read()
            except httpxr.HTTPError as error:
                self._failure = error  # what came before it comes first
                break
            if not more:
                break  # the end, which is read once more
            read += more
        return read

    def read_nowait(self) -> bytes:
        return b""

    def close(self) -> None:
        self._body.close()

    async def aclose(self) -> None:
        await self._body.aclose()
