"""A Server-Sent Events subscription that survives every way a stream can fail."""

from __future__ import annotations

from httpxr.sse import ServerSentEvent, SSEError

from reconnecting_sse._connect import EventSource, aconnect_sse, connect_sse
from reconnecting_sse._decoder import EventStreamDecoder
from reconnecting_sse._errors import (
    CertificateRejected,
    ConnectionFailed,
    EventTooLarge,
    ReconnectionExhausted,
    StreamEnded,
    StreamError,
    StreamInterrupted,
    UnexpectedContentType,
    UnexpectedStatus,
)
from reconnecting_sse._policy import ReconnectPolicy, ReconnectState
from reconnecting_sse._session import State
from reconnecting_sse._source import ReconnectingEventSource, StreamStats
from reconnecting_sse.transports import AsyncStreamingTransport, StreamingTransport

__all__ = [
    "AsyncStreamingTransport",
    "CertificateRejected",
    "ConnectionFailed",
    "EventSource",
    "EventStreamDecoder",
    "EventTooLarge",
    "ReconnectPolicy",
    "ReconnectState",
    "ReconnectingEventSource",
    "ReconnectionExhausted",
    "SSEError",
    "ServerSentEvent",
    "State",
    "StreamEnded",
    "StreamError",
    "StreamInterrupted",
    "StreamStats",
    "StreamingTransport",
    "UnexpectedContentType",
    "UnexpectedStatus",
    "aconnect_sse",
    "connect_sse",
]
