"""An owner is stopped within a transaction, at each of its steps; another takes over.

Then the first goes on. What it held up meanwhile is as the documents say.
"""

from __future__ import annotations

import os
import signal
import time

import pytest

from reconnecting_sse.core.claims import Claim
from reconnecting_sse.stores import sql_dialects
from reconnecting_sse.testing import NumberedFeed, ScriptedServer
from tests.durable.lives import Boundary, consume, fork, reap
from tests.durable.tables import TABLES

pytestmark = pytest.mark.endurance

STEPS = ["begun", "written", "before the commit of a transaction"]
# Whether whoever takes over has to wait until the first one goes on.
HOLDS_UP = {"sqlite": True, "postgresql": False, "mariadb": False, "redis": False}


class Stopping(Boundary):
    """Stops itself once, at the second time that it passes a step."""

    def __init__(self, step):
        super().__init__()
        self._step, self._left = step, 2

    def __call__(self, name):
        if name == self._step:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGSTOP)


def life(table, url, step):
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what it ends with is expected
    store = table.store("sync")
    boundary = Stopping(step)
    consume(url, store, table.write, face="sync", mode="transaction", boundary=boundary)


def until_stopped(child):
    _, status = os.waitpid(child, os.WUNTRACED)
    assert os.WIFSTOPPED(status)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("kind", list(TABLES))
def test_who_takes_over_waits_for_a_frozen_transaction_as_the_table_says(
    request, tmp_path, kind, step
):
    table = TABLES[kind](request, tmp_path)
    with ScriptedServer(NumberedFeed(10, retry=10, then="hang")) as server:
        first = fork(life, table, server.url, step)
        until_stopped(first)
        second = fork(_claims, table)
        try:
            if HOLDS_UP[kind]:
                time.sleep(0.3)
                assert os.waitpid(second, os.WNOHANG) == (0, 0)
            else:
                began = time.monotonic()
                assert reap(second, 10 * sql_dialects.FENCE_SECONDS) == 0
                assert time.monotonic() - began < 4 * sql_dialects.FENCE_SECONDS
        finally:
            os.kill(first, signal.SIGCONT)
        if HOLDS_UP[kind]:
            # It goes on, commits, and whoever waited comes after it or between.
            assert reap(second) == 0
        assert reap(first) == 1  # ClaimLost
    rows = table.rows()
    assert rows == [str(n) for n in range(1, len(rows) + 1)]
    assert table.position() == (rows[-1] if rows else None)


def _claims(table):
    store = table.store("sync")
    claim = store.claim("feed", None, "another")
    assert isinstance(claim, Claim)
