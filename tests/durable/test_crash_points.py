"""Every boundary between two effects: it dies exactly there, and is started again."""

from __future__ import annotations

import os
import signal

import pytest

from reconnecting_sse.testing import NumberedFeed, ScriptedServer
from tests.durable.lives import FACES, MODES, Boundary, consume, fork, reap
from tests.durable.tables import TABLES

pytestmark = pytest.mark.endurance

# Where each effect has a transaction every store is killed at every boundary; what is
# the loop's alone is the same with each.
CASES = [(kind, mode) for kind in TABLES for mode in MODES]
# Every third one at a time, and others on the other face; all where time is no matter.
STEP = int(os.environ.get("STEP", "3"))
CASES = [c for c in CASES if c[0] == "sqlite" or c[1] == "transaction"]


def life(table, url, face, mode, deadly, tell):  # noqa: PLR0917
    boundary = Boundary(deadly)
    store = table.store(face)
    consume(url, store, table.write, face=face, mode=mode, boundary=boundary)
    os.write(tell, "\n".join(boundary.names).encode())


def lived(table, url, face, mode, deadly=0):
    """The status of a life, and the names of the boundaries that it passed."""
    told, tell = os.pipe()
    child = fork(life, table, url, face, mode, deadly, tell)
    os.close(tell)
    status = reap(child)
    with os.fdopen(told) as names:
        return status, names.read().split("\n")


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize(("kind", "mode"), CASES)
def test_at_every_crash_point_nothing_is_lost(request, tmp_path, face, kind, mode):
    table = TABLES[kind](request, tmp_path)
    count = 2 if kind == "sqlite" else 1
    expected = [str(n) for n in range(1, count + 1)]
    with ScriptedServer(NumberedFeed(count, retry=10, then="stop")) as server:
        status, names = lived(table, server.url, face, mode)
        assert status == 0
        assert table.rows() == expected
        assert len(names) > count
        for deadly in range(1 + FACES.index(face), len(names) + 1, STEP):
            table.clear()
            status, _ = lived(table, server.url, face, mode, deadly)
            # How events fall into slices is the network's: a life may pass fewer.
            assert status in (0, -signal.SIGKILL)
            status, _ = lived(table, server.url, face, mode)
            assert status == 0
            rows = table.rows()
            if mode == "loop":
                assert sorted(set(rows)) == expected, names[deadly - 1]
            else:
                assert rows == expected, names[deadly - 1]
