"""The body read from an aiohttp connection."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from reconnecting_sse.transports.aiohttp_errors import (
    WIRE_ERRORS,
    OtherLoopError,
    body_error,
)
from reconnecting_sse.transports.body import AsyncLiveBody
from reconnecting_sse.transports.codings.decoding import DecodingError

if TYPE_CHECKING:
    from reconnecting_sse.transports.aiohttp_connection import Wire
    from reconnecting_sse.transports.codings.decoding import Decoder


class Body(AsyncLiveBody):
    """A response's body, and the connection that it is read from."""

    def __init__(self, wire: Wire, read_timeout: float | None) -> None:
        self.read_timeout = read_timeout
        self.decoder: Decoder | None = None
        self._wire = wire
        self._damage: DecodingError | None = None
        self._has_ended = False

    async def read(self) -> bytes:
        if self.decoder is not None and self.decoder.pending:
            await asyncio.sleep(0)  # a bomb inflates without waiting for anything
        chunk = self.read_nowait()
        while not chunk and not self._is_over():
            chunk = self._decoded(await self._arrival())
        return chunk

    def read_nowait(self) -> bytes:
        if self._wire.closed:
            return b""
        if self.decoder is not None and self.decoder.pending:
            chunk = self._decoded(b"")
            if chunk:
                return chunk
        return self._decoded(self._wire.take())

    def close(self) -> None:
        if self._wire.is_here:
            self._wire.close()
        else:
            self._wire.discard()

    async def aclose(self) -> None:
        self.close()
        await self._wire.gone()

    def __del__(self) -> None:
        self._wire.discard()

    async def _arrival(self) -> bytes:
        """The next bytes; none when what has come is the end, or what cut it off."""
        if not self._wire.is_here:
            self._wire.discard()
            raise body_error(self._wire.hop, OtherLoopError())
        try:
            return await self._wire.arrival(self.read_timeout)
        except WIRE_ERRORS as error:
            error.__traceback__ = None  # its frames would hold this body, and be held
            return b""  # the wire knows it, too

    def _decoded(self, data: bytes) -> bytes:
        if self.decoder is None:
            return data
        try:
            return self.decoder.decode(data)
        except DecodingError as error:
            self._damage = error
            return b""

    def _is_over(self) -> bool:
        """Whether the body has ended properly; raises what else ended it."""
        if self._has_ended:
            return True
        cut = self._damage or self._wire.cut
        is_whole = self.decoder is None or self.decoder.is_whole
        if cut is None and not self._wire.content.at_eof():
            return False
        self._wire.close()
        if cut is None and not is_whole:
            cut = DecodingError("the compressed data is incomplete")
        if cut is not None:
            raise body_error(self._wire.hop, cut) from cut
        self._has_ended = True
        return True
