"""A handler is killed wherever it can be, and what that does to its effects is told."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sqlite3
import sys
import threading
from contextlib import closing, suppress
from dataclasses import fields
from functools import partial
from types import SimpleNamespace

import pytest
import sqlalchemy

from reconnecting_sse import CommitPolicy
from reconnecting_sse.stores import MemoryStore, SqliteStore, SqlStore
from reconnecting_sse.testing.crashes.boundaries import Boundaries, Boundary, chosen
from reconnecting_sse.testing.crashes.plan import Plan, numbered
from reconnecting_sse.testing.crashes.tracing import LineTracer
from reconnecting_sse.testing.crashes.work import Work, settle
from tests.durable.tables import TABLES
from tests.testing import crashing

FACES = ["sync", "async"]


@pytest.fixture(autouse=True)
def _quick(unmeasured):
    """Those of the plugin are measured."""


class Shop:
    """What handlers have effects on: a table in the store's own file, or in another."""

    def __init__(self, folder):
        self.path, self.other = folder / "shop.db", folder / "other.db"
        for path in (self.path, self.other):
            with closing(sqlite3.connect(path)) as db:
                db.execute("CREATE TABLE orders (id TEXT, data TEXT)")
                db.execute("CREATE TABLE stock (id TEXT PRIMARY KEY, data TEXT)")

    def store(self):
        return SqliteStore(self.path)

    def save(self, event, path=None, db=None):
        row, insert = [event.id, event.data], "INSERT INTO orders VALUES (?, ?)"
        if db is not None:
            db.execute(insert, row)
            return
        with closing(sqlite3.connect(path or self.path)) as own:
            own.execute(insert, row)
            own.commit()

    def put(self, event):
        with closing(sqlite3.connect(self.path)) as db:
            db.execute("REPLACE INTO stock VALUES (?, ?)", [event.id, event.data])
            db.commit()

    def effects(self):
        found = []
        for path in (self.path, self.other):
            with closing(sqlite3.connect(path)) as db:
                for table in ("orders", "stock"):
                    found += db.execute(f"SELECT * FROM {table}").fetchall()
        return found


@pytest.fixture
def shop(tmp_path):
    return Shop(tmp_path)


@pytest.fixture(params=FACES)
def tried(request, crash_points, shop):
    """Has it tried on either face, with two events."""

    def run(handler, **options):
        handler = crashing.awaited(handler) if request.param == "async" else handler
        return crash_points(
            handler,
            store=shop.store,
            effects=shop.effects,
            modules=[crashing],
            **{"events": 2, "boundaries": 10, **options},
        )

    return run


def names_of(points):
    """Without the lines' numbers, and without those that ran before."""
    names = [str(point).partition("\n")[0] for point in points]
    names = [re.sub(r"(, )?after \w+\.py:\d+", "", name) for name in names]
    return [re.sub(r"\w+\.py:\d+", "line", n.removesuffix(" ()")) for n in names]


# ---------------------------------------------------------------------- found


def test_an_effect_before_the_commit_comes_twice(tried, shop):
    report = tried(partial(crashing.plain, shop), boundaries=16)
    assert [point.twice for point in report.twice] == [("event 1",), ("event 2",)]
    assert names_of(report.twice) == [f"event {n}, before the commit" for n in (1, 2)]
    report.assert_at_least_once()
    with pytest.raises(
        AssertionError, match="idempotent: under the event's ID"
    ) as told:
        report.assert_exactly_once()
    assert re.search(
        r"event 2, before the commit \(after crashing\.py:\d+\)\n    twice: event 2\n",
        str(told.value),
    )
    assert not report.unreached


def test_what_is_written_past_the_transaction_comes_twice(tried, shop):
    report = tried(partial(crashing.past_it, shop), transactional=True, events=1)
    assert {point.twice for point in report.twice} == {("event 1",)}
    assert names_of(report.twice)[0] == "event 1, before line: shop.effects()"
    assert not report.lost
    with pytest.raises(AssertionError, match="written past the transaction"):
        report.assert_exactly_once()


def test_what_is_kept_in_memory_is_lost(tried, shop):
    report = tried(crashing.Buffered(shop, 2))
    assert ("event 1", "event 2") in {point.lost for point in report.lost}
    assert not report.twice
    with pytest.raises(AssertionError, match="Lost: the event was done"):
        report.assert_at_least_once()


def test_a_commit_before_the_effect_loses_it(tried, shop):
    report = tried(partial(crashing.commits_first, shop), loop=True, boundaries=16)
    assert names_of(report.lost)[0] == "event 1, after the commit"
    assert "event 2, before line: shop.save(event)" in names_of(report.lost)


def test_a_forgotten_await_shows_without_any_crash(crash_points, shop):
    async def handle(event):
        asyncio.sleep(0)
        crashing.save_later(shop, event)

    with pytest.raises(AssertionError, match=r"event 1: 0; event 2: 0") as told:
        crash_points(handle, store=shop.store, effects=shop.effects, events=2)
    assert "RuntimeWarning: coroutine 'save_later' was never awaited" in str(told.value)


def test_a_handler_that_finds_its_own_half_done_work_and_fails(tried, shop):
    report = tried(partial(crashing.only_once, shop), events=1, boundaries=16)
    assert report.failed
    assert "IntegrityError" in report.failed[0].error
    with pytest.raises(AssertionError, match="the life after the crash"):
        report.assert_at_least_once()


# ---------------------------------------------------------------------- no false alarm


def test_a_transaction_is_exactly_once(tried, shop):
    report = tried(
        partial(crashing.in_it, shop), transactional=True, events=1, boundaries=16
    )
    report.assert_exactly_once()
    names = names_of(report.points)
    assert names[:2] == ["before the claim", "after the claim"]
    assert "event 1, before line: shop.save(event, db=db)" in names
    assert "event 1, after the commit of a transaction" in names
    assert str(report).endswith("it lost and repeated nothing.")


def test_so_is_a_batch_in_one(tried, shop):
    report = tried(partial(crashing.all_in_it, shop), transactional=True, batch=2)
    report.assert_exactly_once()
    assert any("event 1 to 2, before" in point.name for point in report.points)


def test_so_is_an_idempotent_handler(tried, shop):
    tried(
        partial(crashing.idempotent, shop), events=1, boundaries=9
    ).assert_exactly_once()


def test_so_is_a_loop_over_transactions(tried, shop):
    report = tried(partial(crashing.over_transactions, shop), loop=True)
    report.assert_exactly_once()
    assert len(report.points) == 10


def test_so_is_one_that_is_tried_again(tried, shop):
    report = tried(crashing.Failing(shop), transactional=True, events=1, boundaries=16)
    report.assert_exactly_once()
    assert "before the rollback of a transaction" in names_of(report.points)


def test_so_is_one_with_sqlalchemy(crash_points, shop):
    insert = sqlalchemy.text("INSERT INTO orders VALUES (:id, '')")

    def handle(event, connection):
        connection.execute(insert, {"id": event.id})

    report = crash_points(
        handle,
        store=lambda: SqlStore(sqlalchemy.create_engine(f"sqlite:///{shop.path}")),
        effects=shop.effects,
        events=1,
        transactional=True,
        boundaries=8,
    )
    report.assert_exactly_once()
    assert len(report.points) == 8


@pytest.mark.parametrize("face", FACES)
def test_so_is_one_with_a_server(crash_points, request, tmp_path, face):
    table = TABLES["postgresql"](request, tmp_path)

    def handle(event, connection):
        return table.write(connection, [event])

    async def ahandle(event, connection):
        await handle(event, connection)

    report = crash_points(
        ahandle if face == "async" else handle,
        store=lambda: table.store(face),
        effects=table.rows,
        events=1,
        boundaries=7,
        transactional=True,
    )
    report.assert_exactly_once()
    assert len(report.points) == 7


# ---------------------------------------------------------------------- said in words


@pytest.fixture
def words(crash_points, shop):
    """Why it is refused, or fails, with one event."""

    def run(handler, error=AssertionError, **options):
        options = {"store": shop.store, "effects": shop.effects, "events": 1, **options}
        with pytest.raises(error) as told:
            crash_points(handler, **options)
        return str(told.value)

    return run


def test_a_handler_that_swallows_what_goes_wrong(words, shop):
    def handle(event):
        with suppress(KeyError):
            shop.save({}[event.id])

    said = words(handle)
    assert said.startswith("handle: without any crash, each event must have one effect")
    assert "Is no error swallowed?" in said
    assert "effects= gives []." in said


def test_a_store_that_dies_with_its_process(words):
    assert "a MemoryStore dies with its process" in words(id_of, store=MemoryStore)


def test_a_handler_that_ends_its_process(words):
    assert words(lambda _: os._exit(3)).endswith("it ended with status 3")
    assert words(killed).endswith(f"killed by signal {signal.SIGUSR1}")


def test_a_handler_that_never_ends(words):
    said = words(lambda _: signal.pause(), seconds=0.3)
    assert said.endswith("it did not end within 0.3 s")
    gate = threading.Event()
    other = threading.Thread(target=gate.wait, name="other")
    other.start()
    try:
        said = words(lambda _: signal.pause(), seconds=0.3)
    finally:
        gate.set()
        other.join()
    assert said.endswith("(forked beside the threads other: one may have held a lock)")


def test_effects_that_were_there_before(words, shop):
    shop.save(crashing.event("1"))
    assert "let each test have an empty place" in words(id_of)


def test_effects_that_name_no_event(words):
    said = words(id_of, TypeError, effects=lambda: [None])
    assert said.endswith("or a row that begins with it, not None")
    said = words(id_of, TypeError, effects=lambda: [()])
    assert said.endswith("not ()")
    assert "plain function" in words(id_of, TypeError, effects=awaited_effects)


def test_events_without_an_id_of_their_own(words):
    assert "an ID of its own" in words(
        id_of, ValueError, event=lambda n: crashing.event("")
    )
    assert "an ID of its own" in words(
        id_of, ValueError, event=lambda n: crashing.event("1"), events=2
    )


def test_a_number_without_a_meaning(words):
    for name in ("events", "boundaries", "effects_per_event"):
        assert words(id_of, ValueError, **{name: 0}) == (
            f"{name}= is a number, from 1, not 0"
        )


def test_within_an_event_loop(crash_points, shop):
    """As tests are that are coroutine functions."""

    async def handle(event):
        shop.put(event)

    async def main():
        return crash_points(
            handle, store=shop.store, effects=shop.effects, events=1, boundaries=1
        )

    asyncio.run(main()).assert_exactly_once()


def test_a_handler_without_lines(words):
    assert "no lines of its own" in words(print, TypeError)


def test_a_platform_that_does_not_fork(words, monkeypatch):
    monkeypatch.delattr(os, "fork")
    assert "this platform does not" in words(id_of, RuntimeError)


def killed(event):
    os.kill(os.getpid(), signal.SIGUSR1)
    signal.pause()


def id_of(event):
    return event.id


async def awaited_effects():
    return []


# ---------------------------------------------------------------------- bounds


def test_what_is_not_visited_is_said(crash_points, shop):
    report = crash_points(
        partial(crashing.idempotent, shop),
        store=shop.store,
        effects=shop.effects,
        events=9,
        boundaries=2,
    )
    assert len(report.points) == 2
    assert len(report.unvisited) > 10
    assert names_of(report.points) == ["before the claim", "after the claim"]
    said = str(report)
    assert f"Not visited: {len(report.unvisited)} more boundaries; boundaries=" in said
    assert f"    … and {len(report.unvisited) - 10} more" in said


def test_each_place_has_its_turn_before_any_has_two():
    found = [Boundary("a", "1"), Boundary("a", "2"), Boundary("b", "2")]
    assert chosen(found, 2) == [found[0], found[2]]
    assert chosen(found, 3) == found


def test_what_another_life_does_not_come_to_is_said(crash_points, shop):
    """Here as the first life leaves something behind that the others see."""
    mark = shop.path.with_name("mark")

    def handle(event):
        if not mark.exists():
            mark.touch()
        shop.put(event)

    report = crash_points(
        handle,
        store=shop.store,
        effects=shop.effects,
        events=1,
        commits=CommitPolicy(),
        boundaries=8,
    )
    assert names_of(report.unreached) == ["event 1, before line: mark.touch()"]
    assert (
        "as no other life came to them:\n    event 1, before test_crash_points.py:"
        in str(report)
    )


def test_a_life_that_fails_before_its_boundary(crash_points, shop):
    mark = shop.path.with_name("mark")

    def handle(event):
        if mark.exists():
            raise ValueError("a second time")
        mark.touch()
        shop.put(event)

    report = crash_points(
        handle, store=shop.store, effects=shop.effects, events=1, boundaries=9
    )
    assert "ValueError: a second time" in report.failed[-1].error


def test_effects_may_name_something_in_the_data(crash_points, shop):
    def order(n):
        return crashing.event(str(n), f"{n * 10}")

    report = crash_points(
        partial(crashing.plain, shop),
        store=shop.store,
        effects=lambda: [int(data) for _, data in shop.effects()],
        event=order,
        key=lambda event: event.data,
        events=1,
        boundaries=3,
    )
    report.assert_at_least_once()


def test_no_child_is_left(crash_points, shop, monkeypatch):
    children, fork = [], os.fork

    def noted():
        children.append(fork())
        return children[-1]

    monkeypatch.setattr(os, "fork", noted)
    crash_points(
        partial(crashing.plain, shop),
        store=shop.store,
        effects=shop.effects,
        boundaries=1,
    )
    assert len(children) == 3
    for child in children:
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)


# ---------------------------------------------------------------------- its parts


def test_a_boundary_kills(monkeypatch):
    killed = []
    monkeypatch.setattr(os, "kill", lambda *args: killed.append(args))
    boundaries = Boundaries(Boundary("there", "event 1", 2))
    boundaries.reach("there", "event 1")
    boundaries.reach("there", "event 2")
    assert not killed
    boundaries.reach("there", "event 1")
    assert killed == [(os.getpid(), signal.SIGKILL)]
    assert str(boundaries.passed[-1]) == "event 1, there (time 2)"


def plan_of(shop, **options):
    keywords = dict.fromkeys(field.name for field in fields(Plan))
    keywords |= {"events": 2, "effects_per_event": 1, "boundaries": 1, "key": id_of}
    keywords |= {"event": numbered, "worker": {}, "files": []}
    return Plan(**{**keywords, "handler": id_of, "store": shop.store, **options})


def test_a_line_is_named_by_the_event_in_hand(shop):
    """In process, as nothing is measured that a trace function calls."""
    awaited = {
        "handler": crashing.awaited(id_of),
        "store": lambda: crashing.Awaited(shop.store()),
    }
    for options in ({}, awaited):
        boundaries = Boundaries()
        work = Work(plan_of(shop, **options).trial(3, "t"), boundaries)
        work.reach_line("a.py:1", "a line")
        work.reach_line("a.py:2", "")
        boundaries.reach("before the commit")
        assert [str(boundary) for boundary in boundaries.passed] == [
            "before a.py:1: a line",
            "before a.py:2",
            "before the commit (after a.py:2)",
        ]


def test_when_events_are_committed_may_be_said(shop):
    assert plan_of(shop).policy.every == 1
    assert plan_of(shop, worker={"batch": 9}).policy.every is None
    assert plan_of(shop, commits=CommitPolicy(every=7)).policy.every == 7
    with pytest.raises(TypeError, match="MemoryStore"):
        Work(plan_of(shop, store=MemoryStore).trial(0, "t"), Boundaries())


def test_a_line_waits_until_what_is_done_is_committed():
    news = [False, True, True]
    holding = SimpleNamespace(
        ledger=None, has_transaction=False, error=None, lock=threading.Lock()
    )
    settle(holding)  # before the claim there is none
    holding.ledger = type("", (), {"has_news": property(lambda _: news.pop())})()
    settle(holding)
    assert not news


def test_lines_are_traced_beside_whoever_traces():
    seen, theirs = [], []

    def other(frame, event, arg):
        theirs.append(event)
        if event == "call":
            sys.settrace(other)  # as coverage's does
        return other

    tracer = LineTracer([crashing.__file__], lambda *line: seen.append(line))
    before = sys.gettrace()
    sys.settrace(other)
    try:
        with tracer.tracing():
            crashing.two_lines()
        assert sys.gettrace() is other
    finally:
        sys.settrace(before)
    assert [text for _, text in seen] == ["if __name__:", f"return  # {49 * '.'}…"]
    assert re.fullmatch(r"crashing\.py:\d+", seen[0][0])
    assert theirs.count("line") >= 2


def test_what_traces_one_frame(monkeypatch):
    """Called by hand, so that it is measured itself."""
    monkeypatch.setattr(sys, "settrace", lambda _: None)
    frame, seen, theirs = sys._getframe(), [], []

    def other(*args):
        theirs.append(args[1])
        return other

    tracer = LineTracer([__file__], lambda *line: seen.append(line))
    for before in (None, other):
        line = tracer.traced_with(before)(frame, "call", None)
        assert line(frame, "line", None) is line
        assert line(frame, "return", None) is line
    assert len(seen) == 2
    assert theirs == ["call", "line", "return"]
    elsewhere = LineTracer([], lambda *line: seen.append(line))
    assert elsewhere.traced_with(other)(frame, "call", None) is other


def test_alone_it_traces_as_well():
    seen = []
    before = sys.gettrace()
    sys.settrace(None)
    try:
        with LineTracer(["<made>"], lambda *line: seen.append(line)).tracing():
            eval(compile("1 + 1", "<made>", "eval"))
            crashing.two_lines()
        assert sys.gettrace() is None
    finally:
        sys.settrace(before)
    assert seen == [("<made>:1", "")]
