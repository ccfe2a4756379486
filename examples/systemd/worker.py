"""A worker under systemd: it says when it is ready, and, while it is live, so again."""

from __future__ import annotations

import os
import socket
import sys
import threading

import httpxr

from reconnecting_sse import (
    ReconnectingEventSource,
    ServerSentEvent,
    StreamingTransport,
    SubscriptionWorker,
    stores,
)


def handle(event: ServerSentEvent) -> None:
    print(event.id, event.data, flush=True)


def notify(state: str) -> None:
    """Tell systemd (sd_notify(3)); nothing where it is not there."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as unit:
            unit.sendto(state.encode(), address.replace("@", "\0", 1))


def watch(worker: SubscriptionWorker, is_over: threading.Event) -> None:
    """Ready once it is; then a sign of life twice in each period of the watchdog."""
    period = int(os.environ.get("WATCHDOG_USEC", "20000000")) / 2e6
    is_told = False
    while not is_over.wait(min(period, 0.1) if not is_told else period):
        if not is_told and worker.health().is_ready:
            notify("READY=1")
            is_told = True
        if worker.health().is_live:
            notify("WATCHDOG=1")


def main(url: str) -> None:
    client = httpxr.Client(transport=StreamingTransport(trust_env=True))
    store = stores.SqliteStore("prices.db")
    source = ReconnectingEventSource(client, "GET", url, store=store, name="prices")
    worker, is_over = SubscriptionWorker(source, handle), threading.Event()
    threading.Thread(target=watch, args=(worker, is_over), daemon=True).start()
    worker.run()
    is_over.set()
    notify("STOPPING=1")


if __name__ == "__main__":
    main(sys.argv[1])
