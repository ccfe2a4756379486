"""Both transports asked in one way, so that one list of tests holds them both."""

from __future__ import annotations

import asyncio
import threading

import httpxr

from reconnecting_sse.transports.abort import ABORT, AbortSignal
from reconnecting_sse.transports.asynchronous import AsyncStreamingTransport
from reconnecting_sse.transports.blocking import StreamingTransport
from reconnecting_sse.transports.body import LIVE
from tests.raw_wire import PATIENCE, STOP_WITHIN


def request_for(
    url, *, method="GET", timeout=None, signal=None, extensions=(), **keywords
):
    timeout = {"connect": 5, "headers": 5, "read": 5, **(timeout or {})}
    extensions = {LIVE: True, "timeout": timeout, **dict(extensions)}
    if signal is not None:
        extensions[ABORT] = signal
    return httpxr.Request(method, url, extensions=extensions, **keywords)


class SyncWire:
    transport = StreamingTransport
    closed = "closed by this program"

    def fetch(self, url, transport, *, seen=None, **keywords):
        """The response and its whole body; ``seen`` is told of each part of it."""
        response = transport.handle_request(request_for(url, **keywords))
        parts = []
        try:
            for part in response.stream:
                parts.append(part)
                if seen is not None:
                    seen(part)
        finally:
            response.stream.close()
        return response, b"".join(parts)

    def fails(self, url, transport, **keywords):
        """Whether there is no response; without another reference to the error."""
        try:
            transport.handle_request(request_for(url, **keywords)).stream.close()
        except httpxr.TransportError:
            return True
        return False


class AsyncWire:
    transport = AsyncStreamingTransport
    closed = "closed by this program"

    def fetch(self, url, transport, **keywords):
        return asyncio.run(self._fetch(url, transport, **keywords))

    async def _fetch(self, url, transport, *, seen=None, **keywords):
        request = request_for(url, **keywords)
        response = await transport.handle_async_request(request)
        parts = []
        try:
            async for part in response.stream:
                parts.append(part)
                if seen is not None:
                    seen(part)
        finally:
            await response.stream.aclose()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return response, b"".join(parts)

    def fails(self, url, transport, **keywords):
        return asyncio.run(self._fails(request_for(url, **keywords), transport))

    async def _fails(self, request, transport):
        try:
            (await transport.handle_async_request(request)).stream.close()
        except httpxr.TransportError:
            return True
        return False


WIRES = {"sync": SyncWire(), "async": AsyncWire()}


class Fetching(threading.Thread):
    """Fetches without any timeout, and keeps what came of it."""

    def __init__(self, wire, url, transport):
        super().__init__()
        self.wire, self.url, self.transport = wire, url, transport
        self.signal = AbortSignal()
        self.first, self.error = threading.Event(), None
        self.start()

    def run(self):
        timeout = {"connect": None, "headers": None, "read": None}
        try:
            self.wire.fetch(
                self.url,
                self.transport,
                signal=self.signal,
                timeout=timeout,
                seen=lambda _: self.first.set(),
            )
        except httpxr.TransportError as error:
            self.error = error

    def stop(self):
        # Long enough to be blocked, whichever step comes next.
        self.join(0.05)
        assert self.is_alive()
        self.signal.abort()
        self.join(STOP_WITHIN)
        if self.is_alive():
            self.join(PATIENCE)
            raise AssertionError("the abort did not free it in time")
        assert self.wire.closed in str(self.error)
        return self.error
