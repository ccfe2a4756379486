"""Signals: the first drains, the second ends, and those of others stay theirs."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time

import pytest

from reconnecting_sse.stores import SqliteStore
from reconnecting_sse.testing import NumberedFeed, ScriptedServer
from reconnecting_sse.workers import signals
from tests.durable.lives import fork, reap
from tests.workers.making import FACES, Async, until, worker_of

NUMBERS = [signal.SIGTERM, signal.SIGINT]


@pytest.fixture(params=FACES, ids=lambda face: face.name)
def face(request):
    return request.param


@pytest.fixture
def server():
    with ScriptedServer(NumberedFeed(20, retry=10, then="hang")) as made:
        yield made


def begun_child(face, path, url, handle, **options):
    """A worker in a child, and a way to wait for the handler in it."""
    reading, writing = os.pipe()

    def life():
        os.close(reading)

        def handler(event):
            os.write(writing, b".")
            return handle(event)

        face.run(worker_of(face, url, SqliteStore(path), handler, **options))

    child = fork(life)
    os.close(writing)
    assert os.read(reading, 1) == b"."
    os.close(reading)
    return child


def place(path):
    return SqliteStore(path).places()[0]


@pytest.mark.parametrize("number", NUMBERS)
def test_the_first_drains(face, number, server, tmp_path):
    path, gate = tmp_path / "worker.db", tmp_path / "gate"

    def handle(event):
        if event.id != "1":
            return None
        if face is Async:
            return held(gate)
        until(gate.exists)
        return None

    child = begun_child(face, path, server.url, handle)
    os.kill(child, number)
    gate.touch()
    assert reap(child) == 0
    assert place(path).owner == ""
    assert place(path).position == "1"


async def held(gate):
    while not gate.exists():  # noqa: ASYNC110  (another process makes it)
        await asyncio.sleep(0.005)


@pytest.mark.parametrize("number", NUMBERS)
def test_the_second_ends_it_at_once_whatever_blocks(face, number, server, tmp_path):
    """An event loop that is blocked, too."""
    path = tmp_path / "worker.db"
    child = begun_child(face, path, server.url, lambda _: time.sleep(60))
    status = None
    while status is None:
        os.kill(child, number)
        ended, code = os.waitpid(child, os.WNOHANG)
        status = os.waitstatus_to_exitcode(code) if ended else None
        threading.Event().wait(0.02)
    assert status == -number
    assert place(path).owner


def test_they_are_put_back():
    before = [signal.getsignal(number) for number in NUMBERS]
    with signals.taken(lambda: None):
        assert [signal.getsignal(number) for number in NUMBERS] != before
    assert [signal.getsignal(number) for number in NUMBERS] == before


def test_what_somebody_else_handles_stays_his(monkeypatch):
    heard = []
    before = signal.signal(signal.SIGTERM, lambda *_: heard.append("his"))
    try:
        with signals.taken(lambda: heard.append("ours")):
            os.kill(os.getpid(), signal.SIGTERM)
            until(lambda: heard)
            os.kill(os.getpid(), signal.SIGINT)
            until(lambda: len(heard) == 2)
            assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == ["his", "ours"]


def test_what_asyncio_takes_unasked_counts_as_nobodys():
    stopped = []

    async def main():
        taken = signal.getsignal(signal.SIGINT)
        with signals.taken(lambda: stopped.append(1)):
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(0)
        assert signal.getsignal(signal.SIGINT) is taken

    asyncio.run(main())
    assert stopped == [1]


def test_they_are_left_alone_outside_the_main_thread():
    before = [signal.getsignal(number) for number in NUMBERS]
    found = []

    def elsewhere():
        with signals.taken(lambda: None):
            found.extend(signal.getsignal(number) for number in NUMBERS)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert found == before
