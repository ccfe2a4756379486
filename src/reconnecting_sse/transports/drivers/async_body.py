"""The body of a response on asyncio's driver."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from reconnecting_sse.transports.body import AsyncLiveBody
from reconnecting_sse.transports.drivers.patience import Patience
from reconnecting_sse.transports.wire_errors import OF_THE_WIRE, Stage, without_frames

if TYPE_CHECKING:
    import httpxr

    from reconnecting_sse.transports.conversation import Answered, Conversation
    from reconnecting_sse.transports.drivers.async_wire import AsyncWire


class AsyncBody(AsyncLiveBody):
    """Reads, and decodes, what has arrived; owns the connection.

    Between two turns of the loop it gives what one read of the socket brought, and
    what one step of a decoder made of it: nothing that a server sends keeps the loop.
    """

    def __init__(
        self,
        wire: AsyncWire,
        conversation: Conversation,
        answered: Answered,
    ) -> None:
        self.read_timeout: float | None = conversation.timeouts.read
        self._wire = wire
        self._inflow = answered.inflow
        self._first = answered.first
        self._errors = conversation.errors_within(answered)
        self._has_ended = False

    async def read(self) -> bytes:
        if self._has_ended:
            return b""
        if self._wire.is_given_up:
            raise self._errors.read_after_close()
        try:
            content = await self._next()
        except OF_THE_WIRE as error:
            raise self._broken(error) from without_frames(error)
        if not content:
            self._has_ended = True
            self._wire.close()
        return content

    async def wait(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, seconds)):
                self._first = await self.read()
        return bool(self._first or self._has_ended)

    def _broken(self, error: Exception) -> httpxr.TransportError:
        failure = self._errors.of(error, Stage.READING)
        self._wire.discard()
        return failure

    async def _next(self) -> bytes:
        inflow, patience = self._inflow, None
        content = self.read_nowait()
        while not content and not inflow.is_over():
            if inflow.is_pending:
                await asyncio.sleep(0)
                patience = patience or Patience(self._wire, self.read_timeout)
                patience.check()
                content = inflow.more()
            else:
                content = self._received(await self._arrival())
                patience = None
        return content

    async def _arrival(self) -> bytes:
        if not self._wire.is_here:
            raise OSError(
                "it belongs to another event loop, and cannot be read on this"
            )
        return await self._wire.receive(self.read_timeout)

    def read_nowait(self) -> bytes:
        if self._wire.is_given_up:
            return b""
        if self._first:
            content, self._first = self._first, b""
            return content
        raw = None if self._inflow.is_pending else self._wire.take()
        return b"" if raw is None else self._received(raw)

    def _received(self, raw: bytes) -> bytes:
        content = self._inflow.receive(raw)
        if reply := self._inflow.reply():
            self._wire.reply(reply)
        return content

    def close(self) -> None:
        self._wire.discard()

    async def aclose(self) -> None:
        self.close()

    def __del__(self) -> None:
        self._wire.discard()
