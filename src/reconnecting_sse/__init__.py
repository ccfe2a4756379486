"""A Server-Sent Events subscription that survives every way a stream can fail."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from httpxr.sse import ServerSentEvent, SSEError

from reconnecting_sse import dialects, lifecycle, stores, transports
from reconnecting_sse.connect import EventSource, aconnect_sse, connect_sse
from reconnecting_sse.core.claims import DeadLetter
from reconnecting_sse.core.commits import CommitPolicy
from reconnecting_sse.core.decoder import EventStreamDecoder
from reconnecting_sse.core.dialect import Dialect
from reconnecting_sse.core.encoder import encode
from reconnecting_sse.core.errors import (
    CertificateRejected,
    ClaimLost,
    ConnectionFailed,
    DrainTimeout,
    EventNotHandled,
    EventTooLarge,
    ReconnectionExhausted,
    StoreError,
    StoreRefused,
    StoreUnavailable,
    StreamEnded,
    StreamError,
    StreamInterrupted,
    Uncommitted,
    UnexpectedContentType,
    UnexpectedStatus,
)
from reconnecting_sse.core.health import Health
from reconnecting_sse.core.lifecycle import Attempt, Gap, Lifecycle
from reconnecting_sse.core.policy import ReconnectPolicy
from reconnecting_sse.core.retries import Reject
from reconnecting_sse.core.states import State
from reconnecting_sse.core.stats import StreamStats
from reconnecting_sse.core.strategies import ReconnectState
from reconnecting_sse.exchange.request import StreamRequest
from reconnecting_sse.source import ReconnectingEventSource
from reconnecting_sse.workers.many import Workers, run_workers
from reconnecting_sse.workers.worker import SubscriptionWorker

if TYPE_CHECKING:
    from reconnecting_sse.transports import AsyncStreamingTransport, StreamingTransport

    __version__: str

__all__ = [
    "AsyncStreamingTransport",
    "Attempt",
    "CertificateRejected",
    "ClaimLost",
    "CommitPolicy",
    "ConnectionFailed",
    "DeadLetter",
    "Dialect",
    "DrainTimeout",
    "EventNotHandled",
    "EventSource",
    "EventStreamDecoder",
    "EventTooLarge",
    "Gap",
    "Health",
    "Lifecycle",
    "ReconnectPolicy",
    "ReconnectState",
    "ReconnectingEventSource",
    "ReconnectionExhausted",
    "Reject",
    "SSEError",
    "ServerSentEvent",
    "State",
    "StoreError",
    "StoreRefused",
    "StoreUnavailable",
    "StreamEnded",
    "StreamError",
    "StreamInterrupted",
    "StreamRequest",
    "StreamStats",
    "StreamingTransport",
    "SubscriptionWorker",
    "Uncommitted",
    "UnexpectedContentType",
    "UnexpectedStatus",
    "Workers",
    "aconnect_sse",
    "connect_sse",
    "dialects",
    "encode",
    "lifecycle",
    "run_workers",
    "stores",
]


def __getattr__(name: str) -> Any:
    # Imported when one is first asked for: a third of the package's own time.
    if name in transports.__all__:
        return getattr(transports, name)
    if name == "__version__":
        # Slow to import, and there is no version where nothing was installed.
        from importlib import metadata  # noqa: PLC0415

        with suppress(metadata.PackageNotFoundError):
            return metadata.version("reconnecting-sse")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
