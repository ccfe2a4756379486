"""Transports that stream: third-party wires behind httpxr's transport interfaces.

Each wire is imported when its transport is first asked for: a program of one face does
not pay for the other's.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reconnecting_sse.transports.asynchronous import AsyncStreamingTransport
    from reconnecting_sse.transports.blocking import StreamingTransport

__all__ = ["AsyncStreamingTransport", "StreamingTransport"]

_WIRES = {
    "AsyncStreamingTransport": "asynchronous",
    "StreamingTransport": "blocking",
}


def __getattr__(name: str) -> Any:
    if name not in _WIRES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WIRES[name]}"), name)
