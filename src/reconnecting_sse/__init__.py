"""A Server-Sent Events subscription that survives every way a stream can fail."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from httpxr.sse import ServerSentEvent, SSEError

    from reconnecting_sse import dialects, lifecycle, stores
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
    from reconnecting_sse.transports import AsyncStreamingTransport, StreamingTransport
    from reconnecting_sse.workers.many import Workers, run_workers
    from reconnecting_sse.workers.worker import SubscriptionWorker

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


# Imported when one is first asked for: all of them take 0.3 s, which a shell that
# completes a word would wait for each time.
_NAMES = {
    "httpxr.sse": "ServerSentEvent SSEError",
    "reconnecting_sse.connect": "EventSource aconnect_sse connect_sse",
    "reconnecting_sse.core.claims": "DeadLetter",
    "reconnecting_sse.core.commits": "CommitPolicy",
    "reconnecting_sse.core.decoder": "EventStreamDecoder",
    "reconnecting_sse.core.dialect": "Dialect",
    "reconnecting_sse.core.encoder": "encode",
    "reconnecting_sse.core.errors": (
        "CertificateRejected ClaimLost ConnectionFailed DrainTimeout "
        "EventNotHandled EventTooLarge ReconnectionExhausted "
        "StoreError StoreRefused StoreUnavailable StreamEnded "
        "StreamError StreamInterrupted Uncommitted "
        "UnexpectedContentType UnexpectedStatus"
    ),
    "reconnecting_sse.core.health": "Health",
    "reconnecting_sse.core.lifecycle": "Attempt Gap Lifecycle",
    "reconnecting_sse.core.policy": "ReconnectPolicy",
    "reconnecting_sse.core.retries": "Reject",
    "reconnecting_sse.core.states": "State",
    "reconnecting_sse.core.stats": "StreamStats",
    "reconnecting_sse.core.strategies": "ReconnectState",
    "reconnecting_sse.exchange.request": "StreamRequest",
    "reconnecting_sse.source": "ReconnectingEventSource",
    "reconnecting_sse.workers.many": "Workers run_workers",
    "reconnecting_sse.workers.worker": "SubscriptionWorker",
    "reconnecting_sse.transports": "AsyncStreamingTransport StreamingTransport",
}
_MODULES = {name: module for module, names in _NAMES.items() for name in names.split()}
_SUBMODULES = ("dialects", "lifecycle", "stores", "transports")


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return import_module(f"{__name__}.{name}")
    if name in _MODULES:
        found = globals()[name] = getattr(import_module(_MODULES[name]), name)
        return found
    if name == "__version__":
        # Slow to import, and there is no version where nothing was installed.
        from importlib import metadata  # noqa: PLC0415

        with suppress(metadata.PackageNotFoundError):
            return metadata.version("reconnecting-sse")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
