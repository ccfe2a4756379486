"""Many workers in one process: one drain, one policy of restarts, one budget."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
import time
import urllib.error
import urllib.request
from contextlib import asynccontextmanager
from functools import partial

import pytest
from tenacity import wait_none

from reconnecting_sse import (
    ClaimLost,
    DrainTimeout,
    Workers,
    run_workers,
)
from reconnecting_sse.core.work_facts import Failed
from reconnecting_sse.stores import MemoryStore, SqliteStore
from reconnecting_sse.testing import Answer, NumberedFeed, ScriptedServer
from tests.durable.lives import fork, reap
from tests.durable.playing import SECONDS, Log
from tests.workers.making import Async, Gate, Sync, until, worker_of

GONE = Answer(404, headers=[], framing="length")
AT_ONCE = wait_none()


def first(*steps, then=None):
    """A route that answers so, and then as a feed."""
    left, feed = list(steps), then or NumberedFeed(3, retry=10, then="stop")
    return lambda request: left.pop(0) if left else feed(request)


class Feeds:
    """One server, a feed at each path, and the workers over them.

    Attributes:
        got: What the handlers were called with, by name.
        made: All workers, in order.
    """

    def __init__(self, *names, count=6, then="stop", **routes):
        self.store, self.log, self.got, self.made = MemoryStore(), Log(), {}, []
        numbered = {name: NumberedFeed(count, retry=10, then=then) for name in names}
        self._routes = numbered | routes
        self.server = ScriptedServer(self._answer)

    def _answer(self, request):
        name = request.target.partition("?")[0].strip("/")
        return self._routes[name](request)

    def make(self, name, handle=None, *, url=None, source=None, **options):
        """A worker of the feed."""
        handled = self.got.setdefault(name, [])

        def keep(event):
            handled.append(event.id)
            return None if handle is None else handle(event)

        url = url or f"{self.server.url}/{name}"
        given = {"name": name, "logger": self.log, **(source or {})}
        worker = worker_of(Async, url, self.store, keep, source=given, **options)
        self.made.append(worker)
        return worker

    def makers(self, *args, **options):
        return [partial(self.make, name, *args, **options) for name in self._routes]

    @property
    def positions(self):
        return {place.name: place.position for place in self.store.places()}

    @property
    def owners(self):
        return {place.name: place.owner for place in self.store.places()}

    def failures(self, name=None):
        """What was told of those that failed."""
        told = self.log.of("worker.failed")
        return [f for f in told if name in (None, f["durable_name"])]

    def __enter__(self):
        self.server.__enter__()
        return self

    def __exit__(self, *error):
        return self.server.__exit__(*error)


@asynccontextmanager
async def running(workers):
    """They run, until the block ends; what they raise, the block does."""
    task = asyncio.create_task(workers.arun())
    try:
        yield task
    finally:
        workers.stop()
        async with asyncio.timeout(SECONDS):
            await task


async def until_it_is(predicate):
    async with asyncio.timeout(SECONDS):
        while not predicate():  # noqa: ASYNC110  (of nobody who could tell)
            await asyncio.sleep(0.002)


def errors_of(workers):
    """What they did not end well with."""
    with pytest.raises(ExceptionGroup) as raised:
        asyncio.run(workers.arun())
    return raised.value.exceptions


def ids(count):
    return [str(n) for n in range(1, count + 1)]


# ------------------------------------------------------------------ to the end


def test_all_feeds_are_handled_to_their_ends():
    with Feeds("a", "b", "c") as feeds:
        workers = Workers(feeds.makers())
        assert len(workers.healths()) == 3
        asyncio.run(workers.arun())
        assert feeds.got == dict.fromkeys("abc", ids(6))
        assert feeds.positions == dict.fromkeys("abc", "6")
        assert set(feeds.owners.values()) == {""}
        assert len(feeds.made) == 3
        assert workers.healths() == []


def test_one_call_does_the_same():
    with Feeds("a", "b") as feeds:
        asyncio.run(run_workers(feeds.makers()))
        assert feeds.got == dict.fromkeys("ab", ids(6))


def test_none_at_all_are_done_at_once():
    asyncio.run(run_workers([]))


def test_they_run_once():
    workers = Workers([])
    asyncio.run(workers.arun())
    with pytest.raises(RuntimeError, match="run once"):
        asyncio.run(workers.arun())
    workers.stop()
    assert repr(workers) == "<Workers: 0>"


# ------------------------------------------------------------------ who fails


def test_one_that_fails_ends_no_other_and_is_made_again():
    with Feeds("good", bad=first(GONE, GONE)) as feeds:
        asyncio.run(run_workers(feeds.makers(), restart_wait=AT_ONCE))
        assert feeds.got == {"good": ids(6), "bad": ids(3)}
        told = [(f["durable_name"], f["cause"], f["delay"]) for f in feeds.failures()]
        assert told == [("bad", "UnexpectedStatus", 0.0)] * 2
        assert len(feeds.made) == 4


def test_it_is_told_with_its_name_and_error_and_without_a_credential():
    with Feeds(bad=first(GONE)) as feeds:
        url = feeds.server.url.replace("//", "//user:secret@") + "/bad?token=secret"
        make = partial(feeds.make, "bad", url=url)
        asyncio.run(run_workers([make], restart_wait=AT_ONCE))
        (told,) = feeds.failures()
        assert told["durable_name"] == "bad"
        assert "404" in told["error"]
        assert "secret" not in repr(feeds.log.lines)
        assert Failed(**told).level == "warning"


@pytest.mark.parametrize("kind", [ValueError, asyncio.CancelledError])
def test_a_strangers_error_is_told_by_its_name_alone(kind):
    """And one that looks as if all had been cancelled ends one worker, too."""
    raised = []

    async def prepare(request, _attempt):
        raised.append(kind("secret"))
        if len(raised) == 1:
            raise raised[0]
        return request

    with Feeds("a") as feeds:
        make = partial(feeds.make, "a", source={"prepare": prepare})
        asyncio.run(run_workers([make], restart_wait=AT_ONCE))
        (told,) = feeds.failures()
        assert told["cause"] == kind.__name__
        assert "secret" not in repr(feeds.log.lines)
        assert feeds.got == {"a": ids(6)}


def test_by_default_it_is_made_again_slowly_and_stop_ends_the_pause():
    with Feeds("good", then="hang", bad=first(GONE)) as feeds:
        workers = Workers(feeds.makers())

        async def main():
            async with running(workers):
                await until_it_is(feeds.failures)
                assert {h.name for h in workers.healths()} == {"good", "bad"}
                ill = [h for h in workers.healths() if not h.is_ready]
                assert [(h.name, h.why) for h in ill] == [("bad", "it has ended")]
                began = time.monotonic()
            return time.monotonic() - began

        assert asyncio.run(main()) < 5
        assert 150 <= feeds.failures()[0]["delay"] <= 300
        assert len(feeds.made) == 2


def test_what_lost_its_lease_stands_by_again_soon():
    with Feeds("a", then="hang") as feeds:
        workers = Workers([partial(feeds.make, "a", source={"lease": 5.0})])

        async def main():
            async with running(workers):
                await until_it_is(lambda: feeds.positions.get("a") == "6")
                feeds.store.put("a", "3")  # as if somebody else had had it
                await until_it_is(lambda: len(feeds.got["a"]) == 9)

        asyncio.run(main())
        assert feeds.got == {"a": ids(6) + ids(6)[3:]}
        (told,) = feeds.failures()
        assert told["cause"] == ClaimLost.__name__
        assert 0.5 <= told["delay"] <= 1


def test_what_was_taken_over_without_a_lease_is_not_taken_back_soon():
    with Feeds("a", then="hang") as feeds:

        def handle(event):
            if event.id == "6":
                feeds.store.put("a", "3")

        workers = Workers([partial(feeds.make, "a", handle)])

        async def main():
            async with running(workers):
                await until_it_is(feeds.failures)

        asyncio.run(main())
        (told,) = feeds.failures()
        assert told["cause"] == ClaimLost.__name__
        assert 150 <= told["delay"] <= 300


def test_what_makes_a_worker_may_fail_later():
    with Feeds("good", bad=first(GONE)) as feeds:
        lives = []

        def make():
            lives.append(len(lives))
            if len(lives) == 2:
                raise OSError("no file")
            if len(lives) == 3:
                return "no worker"
            return feeds.make("bad")

        makers = [partial(feeds.make, "good"), make]
        asyncio.run(run_workers(makers, restart_wait=AT_ONCE))
        causes = [f["cause"] for f in feeds.failures("bad")]
        assert causes == ["UnexpectedStatus", "OSError", "TypeError"]
        assert feeds.got == {"good": ids(6), "bad": ids(3)}


def test_a_worker_cannot_be_made_of_the_same_one_again():
    with Feeds(bad=first(GONE)) as feeds:
        worker = []

        def make():
            worker.append(worker[0] if len(worker) == 1 else feeds.make("bad"))
            return worker[-1]

        asyncio.run(run_workers([make], restart_wait=AT_ONCE))
        assert "runs once" in feeds.failures()[1]["error"]
        assert feeds.got == {"bad": ids(3)}


def test_a_strategy_that_fails_has_all_of_them_drained():
    def broken(_state):
        raise ZeroDivisionError

    with Feeds("good", then="hang", bad=first(GONE)) as feeds:
        (error,) = errors_of(Workers(feeds.makers(), restart_wait=broken))
        assert isinstance(error, ZeroDivisionError)
        assert set(feeds.owners.values()) == {""}


# ------------------------------------------------------------------ the end


def test_stop_drains_all_at_once_from_any_thread():
    gate = Gate()
    with Feeds("a", "b", "c", then="hang") as feeds:
        workers = Workers(feeds.makers(lambda _: gate.hold(Async)))
        thread = threading.Thread(target=lambda: asyncio.run(workers.arun()))
        thread.start()
        for _ in range(3):
            gate.wait_for_one()
        workers.stop()
        workers.stop()
        until(lambda: len(feeds.log.of("worker.draining")) == 3)
        gate.open()
        thread.join(SECONDS)
        assert not thread.is_alive()
        assert feeds.got == {name: ["1"] for name in "abc"}
        assert feeds.positions == dict.fromkeys("abc", "1")
        assert set(feeds.owners.values()) == {""}


def test_stopped_before_they_ran_they_ask_for_nothing():
    with Feeds("a", "b") as feeds:
        workers = Workers(feeds.makers())
        workers.stop()
        asyncio.run(workers.arun())
        assert feeds.server.requests == []


def test_one_that_is_made_while_they_stop_is_stopped_as_well():
    with Feeds("a", a2=first(GONE)) as feeds:

        def make():
            if len(feeds.made) == 2:
                workers.stop()
            return feeds.make("a2")

        workers = Workers([partial(feeds.make, "a"), make], restart_wait=AT_ONCE)
        asyncio.run(workers.arun())
        assert len(feeds.made) == 3
        assert len(feeds.got["a2"]) == 0


def test_what_fails_while_they_stop_is_raised_and_nothing_made_again():
    with Feeds("a", then="hang", b=first(GONE)) as feeds:

        def make():
            if len(feeds.made) == 2:
                workers.stop()
                raise OSError("no file")
            return feeds.make("b")

        workers = Workers([partial(feeds.make, "a"), make], restart_wait=AT_ONCE)
        (error,) = errors_of(workers)
        assert isinstance(error, OSError)
        assert [f.get("delay") for f in feeds.failures()] == [0.0, None]
        assert feeds.owners["a"] == ""


def test_handlers_that_do_not_end_in_time_are_told_of_and_their_claims_kept():
    gate = Gate()
    with Feeds("slow", "quick", then="hang") as feeds:
        makers = [
            partial(feeds.make, "slow", lambda _: gate.hold_on(), drain_timeout=0.05),
            partial(feeds.make, "quick"),
        ]
        workers = Workers(makers)

        async def main():
            task = asyncio.create_task(workers.arun())
            await asyncio.to_thread(gate.wait_for_one)
            await until_it_is(lambda: len(feeds.got["quick"]) == 6)
            workers.stop()
            try:
                await task
            finally:
                assert feeds.owners["slow"]
                gate.open()

        with pytest.raises(ExceptionGroup) as raised:
            asyncio.run(main())
        (error,) = raised.value.exceptions
        assert isinstance(error, DrainTimeout)
        assert feeds.owners["quick"] == ""
        assert "delay" not in feeds.failures("slow")[0]


def test_a_cancellation_breaks_all_handlers_off():
    gate = Gate()
    with Feeds("a", "b", then="hang") as feeds:
        workers = Workers(feeds.makers(lambda _: gate.hold(Async)))

        async def main():
            task = asyncio.create_task(workers.arun())
            for _ in range(2):
                await asyncio.to_thread(gate.wait_for_one)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            gate.open()

        asyncio.run(main())
        assert feeds.owners == {"a": "", "b": ""}
        assert feeds.failures() == []


def begun_child(path, url, handle):
    """Two workers in a child, whose handlers have begun."""
    reading, writing = os.pipe()

    def life():
        os.close(reading)

        def handler(event):
            os.write(writing, b".")
            return handle(event)

        store = SqliteStore(path)
        makers = [
            partial(worker_of, Async, url, store, handler, source={"name": name})
            for name in ("a", "b")
        ]
        asyncio.run(run_workers(makers))

    child = fork(life)
    os.close(writing)
    for _ in range(2):
        assert os.read(reading, 1) == b"."
    os.close(reading)
    return child


async def held(gate):
    while not gate.exists():  # noqa: ASYNC110  (another process makes it)
        await asyncio.sleep(0.005)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_drains_them_all(number, tmp_path):
    path, gate = tmp_path / "worker.db", tmp_path / "gate"
    with ScriptedServer(NumberedFeed(20, retry=10, then="hang")) as server:
        child = begun_child(path, server.url, lambda _: held(gate))
        os.kill(child, number)
        gate.touch()
        assert reap(child) == 0
    places = SqliteStore(path).places()
    assert [(p.name, p.position, p.owner) for p in places] == [
        ("a", "1", ""),
        ("b", "1", ""),
    ]


def test_the_second_signal_ends_the_process_at_once(tmp_path):
    path, gate = tmp_path / "worker.db", tmp_path / "never"
    with ScriptedServer(NumberedFeed(20, retry=10, then="hang")) as server:
        child = begun_child(path, server.url, lambda _: held(gate))
        status = None
        while status is None:
            os.kill(child, signal.SIGTERM)
            ended, code = os.waitpid(child, os.WNOHANG)
            status = os.waitstatus_to_exitcode(code) if ended else None
            threading.Event().wait(0.02)
    assert status == -signal.SIGTERM


# ------------------------------------------------------------------ the budget


def test_attempts_at_one_host_are_as_many_as_its_budget_has():
    """Whichever feeds they are for, first ones and those after a cut."""
    seen, begun = [], time.monotonic()

    def answer(request):
        seen.append(time.monotonic() - begun)
        known = int(request.header("last-event-id") or 0)
        if known == 3:
            return Answer(204)
        return Answer(body=f"retry: 100\nid: {known + 1}\ndata:\n\n", end="cut")

    routes = dict.fromkeys("abcdef", answer)
    with Feeds(**routes) as feeds:
        makers = feeds.makers()
        asyncio.run(run_workers(makers, connects_per_second=40, connect_burst=3))
    assert len(seen) == 24
    # Requests come a little after attempts begin, not all by the same time.
    assert seen[-1] - seen[0] >= (24 - 3) / 40 - 0.05


@pytest.mark.parametrize("limit", [0.01, None])
def test_whoever_waits_for_his_turn_is_stopped_at_once(limit):
    with Feeds("a", "b", "c", then="hang") as feeds:
        workers = Workers(feeds.makers(), connects_per_second=limit, connect_burst=1)
        count = 1 if limit else 3

        async def main():
            async with running(workers):
                await until_it_is(
                    lambda: sum(map(len, feeds.got.values())) == 6 * count
                )
                states = [health.state for health in workers.healths()]
                assert states.count("open") == count
                assert states.count("connecting") == 3 - count
                began = time.monotonic()
            return time.monotonic() - began

        assert asyncio.run(main()) < 5
        assert len(feeds.server.requests) == count


# ------------------------------------------------------------------ being seen


def test_probes_are_of_all_of_them():
    with Feeds("good", then="hang", bad=first(GONE)) as feeds:
        workers = Workers(feeds.makers(), probes="127.0.0.1:0")

        def ready():
            url = f"http://127.0.0.1:{workers._probes.port}/ready"
            try:
                with urllib.request.urlopen(url, timeout=SECONDS) as answer:
                    return answer.status, json.load(answer)
            except urllib.error.HTTPError as error:
                with error:
                    return error.code, json.load(error)

        async def main():
            async with running(workers):
                await until_it_is(feeds.failures)
                return await asyncio.to_thread(ready)

        status, said = asyncio.run(main())
        assert (status, said["why"]) == (503, {"bad": "it has ended"})


# ------------------------------------------------------------------ what is refused


def test_a_worker_itself_is_refused_as_it_runs_once():
    with Feeds("a") as feeds, pytest.raises(TypeError, match="run_workers"):
        Workers([feeds.make("a")])


async def make_later():
    pass


@pytest.mark.parametrize(
    ("make", "why"),
    [
        ("a worker", "must be callable"),
        (make_later, "never awaited"),
        (lambda: None, "not None"),
    ],
)
def test_what_makes_no_worker_is_refused(make, why):
    with pytest.raises(TypeError, match=why):
        Workers([make])


def test_what_raises_before_anything_runs_is_raised():
    def make():
        raise OSError("no file")

    with pytest.raises(OSError, match="no file"):
        Workers([make])


def test_workers_of_the_sync_face_are_refused():
    def make():
        return worker_of(Sync, "http://feed.test/", MemoryStore(), print)

    with pytest.raises(TypeError, match=r"use run\(\)"):
        Workers([make])


def test_two_under_one_name_in_one_store_are_refused():
    with Feeds("a") as feeds:
        with pytest.raises(ValueError, match="'a' in one store"):
            Workers(feeds.makers() * 2)
        elsewhere = partial(worker_of, Async, feeds.server.url, MemoryStore(), print)
        Workers([*feeds.makers(), partial(elsewhere, source={"name": "a"})])


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"connects_per_second": 0}, ValueError),
        ({"connect_burst": 0}, ValueError),
        ({"restart_wait": 5}, TypeError),
        ({"restart_wait": make_later}, TypeError),
        ({"probes": "nowhere"}, ValueError),
    ],
)
def test_keywords_without_a_meaning_are_refused(options, kind):
    with pytest.raises(kind):
        Workers([], **options)
