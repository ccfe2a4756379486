"""The demo's second act: a consumer that is killed again and again, and its table."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from reconnecting_sse.cli.verdict import Verdict
from reconnecting_sse.testing import NumberedFeed, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Callable

COUNT = 300
KILLS = 5
DATA = "event {n} of " + str(COUNT)
PAUSE = 0.003
_POLL = 0.005


class Killing:
    """Starts the consumer and kills it, until it has everything.

    Attributes:
        kills: How often it was killed so far.
    """

    def __init__(self, seed: int, show: Callable[[str], None]) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self._show = show
        self.kills: int = 0

    def run(self, seconds: float) -> Verdict:
        """The table that is left, held against the feed."""
        end = time.monotonic() + seconds
        feed = NumberedFeed(COUNT, data=DATA, then="stop", pause=PAUSE)
        with TemporaryDirectory() as folder, ScriptedServer(feed) as server:
            database = str(Path(folder) / "demo.db")
            while time.monotonic() < end and not self._live(server.url, database, end):
                pass
            received = rows(database)
        numbers = range(1, COUNT + 1)
        expected = [(str(n), DATA.format(n=n)) for n in numbers]
        return Verdict.of(expected, received)

    def _live(self, url: str, database: str, end: float) -> bool:
        """One life of the consumer; whether it came to the feed's end."""
        command = [sys.executable, "-m", "reconnecting_sse.cli.survivor", url, database]
        before = len(rows(database))
        # It dies after so many more rows, wherever it is then.
        until = before + self._random.randint(1, 2 * COUNT // KILLS)
        process = subprocess.Popen(command)  # noqa: S603  (ourselves)
        try:
            while process.poll() is None and time.monotonic() < end:
                if self.kills < KILLS and len(rows(database)) >= until:
                    break
                time.sleep(_POLL)
        finally:
            was_alive = process.poll() is None
            process.kill()
            status = process.wait()
        if was_alive:
            self.kills += 1
            count = len(rows(database))
            self._show(f"killed    SIGKILL no. {self.kills}; {count} rows so far")
        return not was_alive and status == 0


def rows(database: str) -> list[tuple[str, str]]:
    """What the table has, in its order."""
    with suppress(sqlite3.OperationalError):  # there is none yet
        uri = f"file:{database}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            query = "SELECT id, data FROM received ORDER BY rowid"
            return connection.execute(query).fetchall()
    return []
