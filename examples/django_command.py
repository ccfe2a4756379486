"""A management command of Django's: ``python manage.py follow_prices URL``.

Its handler uses Django's own database, so its effects and the position are not one:
after a crash the events since the last commit come again. It is written so that this
does no harm: what is there already is replaced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpxr
from django.core.management.base import BaseCommand
from django.db import close_old_connections, connection, transaction

from reconnecting_sse import (
    ReconnectingEventSource,
    StreamingTransport,
    SubscriptionWorker,
    stores,
)

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from reconnecting_sse import ServerSentEvent


def handle(event: ServerSentEvent) -> None:
    """Runs in a thread of its own, and so on a connection of its own."""
    close_old_connections()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM prices WHERE id = %s", [event.id])
        values = [event.id, event.data]
        cursor.execute("INSERT INTO prices (id, price) VALUES (%s, %s)", values)


class Command(BaseCommand):
    """Follow the prices, until SIGTERM."""

    help = "Follow the prices."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("url")
        parser.add_argument("--store", default="sqlite:///prices-positions.db")

    def handle(self, *_args: Any, **options: Any) -> None:
        source = ReconnectingEventSource(
            httpxr.Client(transport=StreamingTransport(trust_env=True)),
            "GET",
            options["url"],
            store=stores.open_store(options["store"]),
            name="prices",
        )
        SubscriptionWorker(source, handle).run()
        self.stdout.write("stopped")
