"""Transports that stream: third-party wires behind httpxr's transport interfaces."""

from __future__ import annotations

from reconnecting_sse.transports.aiohttp import AsyncStreamingTransport
from reconnecting_sse.transports.urllib3 import StreamingTransport

__all__ = ["AsyncStreamingTransport", "StreamingTransport"]
