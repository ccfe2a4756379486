"""The first SIGTERM or SIGINT drains, the second one ends, and others' stay theirs."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from functools import partial
from queue import SimpleQueue

import pytest

from reconnecting_sse.workers import signals
from reconnecting_sse.workers.signals import taken
from tests.durable.lives import fork, reap
from tests.durable.tables import SqliteTable
from tests.workers import lives
from tests.workers.lives import Line, Turn, begun, lived
from tests.workers.working import feed

BOTH = [signal.SIGTERM, signal.SIGINT]


@pytest.fixture(params=["sync", "async"])
def face(request):
    return request.param


@pytest.fixture
def table(tmp_path):
    return SqliteTable(None, tmp_path)


@pytest.fixture
def line():
    made = Line()
    yield made
    made.close()


@pytest.fixture
def turn():
    made = Turn()
    yield made
    made.close()


def place(table):
    with table.stored() as store:
        (found,) = store.places()
        return found


@pytest.mark.parametrize("number", BOTH)
def test_the_first_one_drains(face, table, line, turn, number):
    def handler(event):
        line.tell(event.id)
        yield turn

    with feed(5, then="hang") as server:
        child = begun(face, server.url, table, handler)
        assert line.hear() == "1"
        os.kill(child, number)
        (request,) = server.requests
        assert request.closed_by_client.wait(10)
        turn.give()
        assert reap(child) == 0
        assert (place(table).position, place(table).owner) == ("1", "")
        for _ in range(5):
            turn.give()
    with feed(5) as server:  # what was queued comes again
        assert lived(face, server.url, table, handler) == 0
    assert [line.hear() for _ in range(4)] == ["2", "3", "4", "5"]


@pytest.mark.parametrize("second", BOTH)
@pytest.mark.parametrize("first", BOTH)
def test_the_second_one_ends_at_once(face, table, line, turn, first, second):  # noqa: PLR0917
    def handler(event):
        line.tell(event.id)
        yield turn

    with feed(5, then="hang") as server:
        child = begun(face, server.url, table, handler)
        line.hear()
        os.kill(child, first)
        (request,) = server.requests
        assert request.closed_by_client.wait(10)
        os.kill(child, second)
        assert reap(child, 5) == -second
    assert place(table).owner != ""


def test_the_second_one_ends_a_blocked_event_loop(table, line, turn):
    def handler(event):
        line.tell(event.id)
        turn.wait()

    with feed(5, then="hang") as server:
        child = begun("async", server.url, table, handler)
        line.hear()
        os.kill(child, signal.SIGTERM)
        # Nobody can see that it was heard but by what follows.
        end = time.monotonic() + 10
        ended = 0
        while not ended and time.monotonic() < end:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM)
            ended, status = os.waitpid(child, os.WNOHANG)
            time.sleep(0.01)
        assert os.waitstatus_to_exitcode(status) == -signal.SIGTERM


@pytest.mark.parametrize("number", BOTH)
def test_a_handler_that_is_late_keeps_the_claim(face, table, line, turn, number):
    def handler(event):
        line.tell(event.id)
        yield turn

    with feed(5, then="hang") as server:
        child = begun(face, server.url, table, handler, drain_timeout=0.05)
        line.hear()
        os.kill(child, number)
        assert reap(child) == 1  # DrainTimeout
    assert place(table).owner != ""
    assert place(table).position is None


@pytest.mark.parametrize("wait", ["receive", "bell"])
def test_one_that_comes_just_before_a_wait_ends_that(wait):
    """Python would call nobody before the wait is over: here, never."""
    in_a_child(_before_a_wait, wait)


def _before_a_wait(wait):
    bell = SimpleQueue()
    ear, mouth = socket.socketpair()
    ear.settimeout(20)

    def stop():
        bell.put(None)
        mouth.send(b".")

    with taken(stop):
        # As the system does where another thread is to handle it.
        signal.pthread_sigmask(signal.SIG_BLOCK, BOTH)
        other = threading.Thread(target=_take_one)
        other.start()
        _wait(partial(bell.get, timeout=20) if wait == "bell" else partial(ear.recv, 1))
        other.join()


def _wait(call):
    call()


def _take_one():
    looks = 0
    while looks < 10:  # until the main thread does nothing else any more
        frame = sys._current_frames()[threading.main_thread().ident]
        looks = looks + 1 if frame.f_code is _wait.__code__ else 0
        time.sleep(0.001)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, BOTH)
    os.kill(os.getpid(), signal.SIGTERM)


def test_a_child_hears_for_itself():
    in_a_child(_fork_within)


def _fork_within():
    stops = Line()
    with taken(lambda: stops.tell(os.getpid())):
        child = fork(_be_stopped, os.getpid())
        assert reap(child) == 0
        assert stops.hear() == str(child)
        os.kill(os.getpid(), signal.SIGTERM)
        assert stops.hear() == str(os.getpid())
    assert signal.set_wakeup_fd(-1) == -1


def _be_stopped(parent):
    assert os.getpid() != parent
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_who_hears_of_signals_by_a_descriptor_goes_on_doing_so(when):
    in_a_child(_by_a_descriptor, when)


def _by_a_descriptor(when):
    ear, mouth = socket.socketpair()
    mouth.setblocking(False)
    if when == "before":
        signal.set_wakeup_fd(mouth.fileno())
    stops = []
    with taken(lambda: stops.append(1)):
        if when == "meanwhile":
            signal.set_wakeup_fd(mouth.fileno())
        os.kill(os.getpid(), signal.SIGTERM)
        assert ear.recv(1) == bytes([signal.SIGTERM])
    assert stops == [1]
    assert signal.set_wakeup_fd(-1) == mouth.fileno()


def test_one_of_another_number_is_not_passed_on():
    in_a_child(_of_another_number)


def _of_another_number():
    heard = Line()
    signal.signal(signal.SIGUSR1, lambda *_: heard.tell("theirs"))
    with taken(lambda: heard.tell("ours")):
        os.kill(os.getpid(), signal.SIGUSR1)
        assert heard.hear() == "theirs"
        os.kill(os.getpid(), signal.SIGTERM)
        assert heard.hear() == "ours"


# ---------------------------------------------------------------- whose they are


def in_a_child(function, *args):
    """Signals are the main thread's, which a test need not be in."""
    assert reap(fork(function, *args)) == 0


def test_they_are_given_back():
    in_a_child(_give_back)


def _give_back():
    signal.signal(signal.SIGINT, signal.default_int_handler)
    before = [signal.getsignal(number) for number in BOTH]
    stops = []
    with taken(lambda: stops.append(1)):
        assert signal.getsignal(signal.SIGTERM) is signal.getsignal(signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        assert stops == [1]
        assert [signal.getsignal(number) for number in BOTH] == [signal.SIG_DFL] * 2
    assert [signal.getsignal(number) for number in BOTH] == before


@pytest.mark.parametrize("number", BOTH)
def test_what_is_somebody_elses_stays_his(number):
    in_a_child(_leave, number)


def _leave(number):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    heard = []
    signal.signal(number, lambda *_: heard.append(number))
    (other,) = {*BOTH} - {number}
    stops = []
    with taken(lambda: stops.append(1)):
        os.kill(os.getpid(), number)
        assert heard == [number]
        os.kill(os.getpid(), other)
        assert stops == [1]
        os.kill(os.getpid(), number)
        assert heard == [number, number]


def test_what_is_ignored_stays_so():
    in_a_child(_ignore)


def _ignore():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with taken(lambda: 1 / 0):
        os.kill(os.getpid(), signal.SIGTERM)


def test_what_no_python_has_set_stays_so():
    in_a_child(_of_c)


def _of_c():
    signals.signal.getsignal = lambda _: None
    assert signals._free_signals() == {}


def test_that_of_asyncio_is_nobodys_and_is_given_back():
    in_a_child(_run_asyncio)


def _run_asyncio():
    signal.signal(signal.SIGINT, signal.default_int_handler)
    stops = []

    async def main():
        own = signal.getsignal(signal.SIGINT)
        assert own is not signal.default_int_handler
        with taken(lambda: stops.append(1)):
            os.kill(os.getpid(), signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is own

    asyncio.run(main())
    assert stops == [1]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_in_another_thread_none_is_taken():
    in_a_child(_elsewhere)


def _elsewhere():
    before, found = signal.getsignal(signal.SIGTERM), []

    def look():
        with taken(lambda: None):
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [before]


@pytest.mark.parametrize("number", BOTH)
def test_a_server_that_has_taken_them_calls_stop(face, table, line, turn, number):
    """Its handler is called, and that of the worker is not."""

    def handler(event):
        line.tell(event.id)
        yield turn

    with feed(5, then="hang") as server:
        child = fork(
            _served, face, server.url, table.store(face), handler, number, line
        )
        assert line.hear() == "1"
        while not line.has_come(0.5):  # just before a wait nobody calls their handler
            os.kill(child, number)
        assert line.hear() == "theirs"
        turn.give()
        assert reap(child) == 0
    assert place(table).position == "1"


def _served(face, url, store, handler, number, line):  # noqa: PLR0917
    made = []
    real = lives._made

    def noted(*args):
        made.append(real(*args))
        return made[0]

    def theirs(*_):
        made[0].stop()
        line.tell("theirs")

    lives._made = noted
    signal.signal(number, theirs)
    lives.WORK[face](url, store, handler)
    assert signal.getsignal(number) is theirs
