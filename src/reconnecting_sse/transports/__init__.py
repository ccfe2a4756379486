"""The one wire: from a URL to a body that is read as it arrives.

May know the core. Both faces have the same wire, and a driver each, which is imported
when its transport is first asked for: nobody pays for the face that is not used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reconnecting_sse.transports.asynchronous import AsyncStreamingTransport
    from reconnecting_sse.transports.blocking import StreamingTransport

__all__ = ["AsyncStreamingTransport", "StreamingTransport"]

_MODULES = {
    "AsyncStreamingTransport": "asynchronous",
    "StreamingTransport": "blocking",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
